import type { Socket } from 'node:net';
import type { Guard } from '@gatewayworker/core';
import type { WebSocket } from 'ws';

type Callback = (error: Error | null, result?: Buffer) => void;

/** What `ws` keeps for the compression of one websocket, as far as it is used here. */
interface DeflateExtension {
  _inflate: { close(): void } | null | undefined;
  decompress(data: Buffer, isLast: boolean, callback: Callback): void;
}

/**
 * Decompresses the messages of one client.
 *
 * `ws` decompresses whatever one read of the socket has brought, though reading is paused: 64 KiB can be
 * 64 MiB. Here a message waits, compressed, until reading resumes. `ws` also keeps the inflater, 40 KB or
 * more, for as long as the client is connected; without context takeover each message can have its own.
 */
export class InflateGate {
  #isPaused = false;
  #waiting: { readonly run: () => void; readonly fail: Callback } | undefined;

  /** @returns `undefined` when this websocket compresses nothing */
  static of(websocket: WebSocket, socket: Socket, guard: Guard): InflateGate | undefined {
    const extensions: unknown = Reflect.get(websocket, '_extensions');
    const extension: unknown = Object(extensions)['permessage-deflate'];
    return isDeflateExtension(extension) ? new InflateGate(extension, socket, guard) : undefined;
  }

  private constructor(extension: DeflateExtension, socket: Socket, guard: Guard) {
    const decompress = extension.decompress.bind(extension);
    extension.decompress = (data, isLast, callback) => {
      const run = (): void =>
        decompress(data, isLast, (error, result) => {
          if (isLast && error === null) release(extension);
          callback(error, result);
        });
      if (this.#isPaused) this.#waiting = { run, fail: callback };
      else run();
    };
    // `ws` waits for what it has begun to read before it tells that the connection is closed.
    const drop = (): void => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.fail(new Error('the connection closed before its message was read'));
    };
    socket.once(
      'close',
      guard.wrap('inflater close', drop, () => socket.destroy()),
    );
  }

  /** Makes messages wait, or releases them. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.run();
  }
}

function release(extension: DeflateExtension): void {
  extension._inflate?.close();
  extension._inflate = null;
}

function isDeflateExtension(value: unknown): value is DeflateExtension {
  return typeof value === 'object' && value !== null && 'decompress' in value;
}
