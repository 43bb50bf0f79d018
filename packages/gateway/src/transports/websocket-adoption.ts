import type { Socket } from 'node:net';
import type { ServerOptions } from 'ws';
import { ClientWebSocket } from './websocket-socket.ts';

/**
 * Makes what a `WebSocketServer` of these options makes once a handshake is done.
 *
 * `ws` has no documented way to go on with a connection that was upgraded elsewhere; the server uses this one.
 * Source: ws 8.23 `lib/websocket-server.js`, `completeUpgrade`.
 */
export function createWebSocket(options: ServerOptions): ClientWebSocket {
  const made: unknown = Reflect.construct(ClientWebSocket, [null, undefined, options]);
  if (!(made instanceof ClientWebSocket)) throw new TypeError('ws made no websocket');
  return made;
}

/**
 * Has a websocket speak over a connection.
 *
 * @param unread - bytes that come before what the connection has
 * @throws {TypeError} when `ws` has another form
 */
export function setSocket(
  websocket: ClientWebSocket,
  socket: Socket,
  unread: Buffer,
  options: ServerOptions,
): void {
  const set: unknown = Reflect.get(websocket, 'setSocket');
  if (typeof set !== 'function') throw new TypeError('ws has no setSocket');
  Reflect.apply(set, websocket, [socket, unread, options]);
}
