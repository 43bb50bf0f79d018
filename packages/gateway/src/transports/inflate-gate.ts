import type { Socket } from 'node:net';
import type { Guard } from '@gatewayworker/core';
import type { WebSocket } from 'ws';

type Callback = (error: Error | null, result?: Buffer) => void;

/** The parts of the permessage-deflate extension of `ws` that are used here. */
interface DeflateExtension {
  _inflate: { close(): void } | null | undefined;
  decompress(data: Buffer, isLast: boolean, callback: Callback): void;
}

/**
 * Bounds the memory of decompression for one client.
 *
 * While reading is paused, `ws` still decompresses all messages of the last read: 64 KiB can become 64 MiB. The gate
 * keeps the next message compressed until reading resumes. `ws` also keeps an inflater of 40 KB or more per client; the
 * gate closes it after each message, which is possible without context takeover.
 */
export class InflateGate {
  #isPaused = false;
  #waiting: { readonly run: () => void; readonly fail: Callback } | undefined;

  /** @returns `undefined` when compression is not negotiated */
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
    // `ws` emits `close` only after the callback of every message, so the waiting one must fail.
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

  /** Holds messages, or decompresses the held one. */
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
