import { once } from 'node:events';
import { type WebSocket, WebSocketServer } from 'ws';
import { GREETING } from './greeting.ts';

// A plain `ws` server in one process, without a framework: the upper bound of the comparison. The argument is its port.

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
  // Closed clients leave their groups.
  socket.on('close', () => {
    for (const members of groups.values()) members.delete(socket);
  });
});
await once(server, 'listening');
process.on('disconnect', () => process.exit());
process.send?.('ready');
