import type { Socket } from 'node:net';
import { type ServerOptions, WebSocket } from 'ws';
import type { WebsocketSocket } from './websocket-socket.ts';

/** A websocket with a reference to its client: all clients share the same listeners, which saves memory. */
export class ClientWebSocket extends WebSocket {
  client: WebsocketSocket | undefined;

  /** `ws` closes by this method too when a client violates the protocol; it gives a code and no reason. */
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, reason ?? this.client?.reasonOf(code));
  }
}

const noBytes = Buffer.alloc(0);

/**
 * Creates a websocket as a `WebSocketServer` with these options does after a handshake.
 *
 * `ws` has no documented API for a connection whose handshake it has not answered. Source: ws 8.23
 * `lib/websocket-server.js`, `completeUpgrade`.
 */
export function createWebSocket(options: ServerOptions): ClientWebSocket {
  const made: unknown = Reflect.construct(ClientWebSocket, [null, undefined, options]);
  if (!(made instanceof ClientWebSocket)) throw new TypeError('ws made no websocket');
  return made;
}

/**
 * Attaches a websocket to a connection.
 *
 * @throws {TypeError} when this version of `ws` has no `setSocket`
 */
export function setSocket(
  websocket: ClientWebSocket,
  socket: Socket,
  options: ServerOptions,
): void {
  const set: unknown = Reflect.get(websocket, 'setSocket');
  if (typeof set !== 'function') throw new TypeError('ws has no setSocket');
  Reflect.apply(set, websocket, [socket, noBytes, options]);
}
