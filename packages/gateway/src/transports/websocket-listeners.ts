import type { Socket } from 'node:net';
import type { Guard } from '@gatewayworker/core';
import { type RawData, WebSocket } from 'ws';
import { ClientWebSocket } from './client-websocket.ts';
import type { WebsocketSocket } from './websocket-socket.ts';

/** Key of the client in a TCP or TLS socket that has no websocket of `ws`. */
export const clientOfSocket: unique symbol = Symbol('client');

/** A TCP or TLS socket with a reference to its client. */
export interface SocketOfClient extends Socket {
  [clientOfSocket]?: WebsocketSocket;
}

type Emitter = WebSocket | SocketOfClient;

function clientOf(emitter: Emitter): WebsocketSocket | undefined {
  if (emitter instanceof ClientWebSocket) return emitter.client;
  return emitter instanceof WebSocket ? undefined : emitter[clientOfSocket];
}

/** The listeners that all clients of a transport share, by event. */
export interface WebsocketListeners {
  /** Of a TCP or TLS socket without a websocket of `ws`. */
  readonly socket: {
    readonly data: (this: SocketOfClient, chunk: Buffer) => void;
    readonly end: (this: SocketOfClient) => void;
    readonly error: (this: SocketOfClient) => void;
    readonly close: (this: SocketOfClient) => void;
  };
  /** Of a websocket of `ws`. */
  readonly websocket: {
    readonly message: (this: WebSocket, data: RawData, isBinary: boolean) => void;
    readonly ping: (this: WebSocket, data: Buffer) => void;
    readonly error: (this: WebSocket, error: Error) => void;
    readonly close: (this: WebSocket, code: number, reason: Buffer) => void;
  };
  /** Handles a message, `chunk[start, end)`. */
  readonly message: (
    client: WebsocketSocket,
    chunk: Buffer,
    start: number,
    end: number,
    isBinary: boolean,
  ) => void;
  readonly ping: (client: WebsocketSocket, data: Buffer) => void;
}

/** Creates the shared listeners. An exception in one closes its client. */
export function createListeners(guard: Guard): WebsocketListeners {
  function fail(this: Emitter): void {
    clientOf(this)?.fail();
  }
  const message = guard.wrap(
    'websocket message',
    (client: WebsocketSocket, chunk: Buffer, start: number, end: number, isBinary: boolean) =>
      client.receiveMessage(chunk, start, end, isBinary),
    (_error, client) => client.fail(),
  );
  const ping = guard.wrap(
    'websocket ping',
    (client: WebsocketSocket, data: Buffer) => client.receivePing(data),
    (_error, client) => client.fail(),
  );
  function handleData(this: SocketOfClient, chunk: Buffer): void {
    this[clientOfSocket]?.handleData(chunk);
  }
  // Neither of these two throws, so they need no guard.
  function handleEnd(this: SocketOfClient): void {
    this.end();
  }
  function handleSocketError(this: SocketOfClient): void {
    this.destroy();
  }
  function handleSocketClose(this: SocketOfClient): void {
    this[clientOfSocket]?.handleSocketClose();
  }
  function handleError(this: WebSocket, error: Error): void {
    clientOf(this)?.handleError(error);
  }
  function handleClose(this: WebSocket, code: number, reason: Buffer): void {
    clientOf(this)?.handleClose(code, reason);
  }
  return {
    socket: {
      data: guard.wrap('websocket data', handleData, fail),
      end: handleEnd,
      error: handleSocketError,
      close: guard.wrap('websocket socket close', handleSocketClose, fail),
    },
    websocket: {
      message(data, isBinary) {
        const client = clientOf(this);
        // With the default `binaryType` every message is one Buffer.
        if (client !== undefined && Buffer.isBuffer(data)) {
          message(client, data, 0, data.length, isBinary);
        }
      },
      ping(data) {
        const client = clientOf(this);
        if (client !== undefined) ping(client, data);
      },
      error: guard.wrap('websocket error', handleError, fail),
      close: guard.wrap('websocket close', handleClose, fail),
    },
    message,
    ping,
  };
}
