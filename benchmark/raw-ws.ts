import { once } from 'node:events';
import { type WebSocket, WebSocketServer } from 'ws';
import { ports } from './settings.ts';

/** Starts a plain `ws` server that answers the five messages of the load generator by itself. */
export async function startRawServer(): Promise<void> {
  const groups = new Map<string, Set<WebSocket>>();
  const uids = new Map<string, WebSocket>();
  const answer = (socket: WebSocket, text: string): void => {
    switch (text[0]) {
      case 'e':
        socket.send(text);
        break;
      case 'j': {
        const group = text.slice(1);
        groups.set(group, (groups.get(group) ?? new Set()).add(socket));
        socket.send('J');
        break;
      }
      case 'u':
        uids.set(text.slice(1), socket);
        socket.send('U');
        break;
      case 'g':
        for (const member of groups.get('g') ?? []) member.send(text);
        break;
      case 't':
        uids.get(text.slice(1, text.indexOf(' ')))?.send(text);
        break;
      default:
        break;
    }
  };
  const server = new WebSocketServer({ host: '127.0.0.1', port: ports.raw });
  server.on('connection', (socket) => {
    socket.on('message', (data) => answer(socket, String(data)));
    // A long run opens many connections: those that closed must not be sent to.
    socket.on('close', () => {
      for (const members of groups.values()) members.delete(socket);
    });
  });
  await once(server, 'listening');
}
