import type { Socket } from 'node:net';
import type { ServerOptions } from 'ws';
import { ClientWebSocket } from './websocket-socket.ts';

/**
 * Creates a websocket as a `WebSocketServer` with these options does after a handshake.
 *
 * `ws` has no documented API for a connection that another process has upgraded. Source: ws 8.23
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
 * @param unread - bytes to process before those of the connection
 * @throws {TypeError} when this version of `ws` has no `setSocket`
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
