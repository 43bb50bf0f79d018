import { once } from 'node:events';
import { type WebSocket, WebSocketServer } from 'ws';
import { GREETING } from './greeting.ts';

// A plain `ws` server in one process that answers the load generator by itself: what a user gives up by
// using a framework. Its port is its argument.

const groups = new Map<string, Set<WebSocket>>();
const uids = new Map<string, WebSocket>();

function answer(socket: WebSocket, text: string): void {
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
}

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]) });
server.on('connection', (socket) => {
  socket.send(GREETING);
  socket.on('message', (data) => answer(socket, String(data)));
  // The load generator drops its connections.
  socket.on('error', () => undefined);
  // A server that runs for long must not send to those that have closed.
  socket.on('close', () => {
    for (const members of groups.values()) members.delete(socket);
  });
});
await once(server, 'listening');
process.on('disconnect', () => process.exit());
process.send?.('ready');
