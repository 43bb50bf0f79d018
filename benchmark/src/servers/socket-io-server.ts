import { once } from 'node:events';
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server, type Socket } from 'socket.io';
import { GREETING } from './greeting.ts';

// One process of a Socket.IO server with the Redis adapter. The arguments are its port and that of Redis. The settings
// are those that its documentation recommends for production: websockets only, no client bundle, and the first HTTP
// request of each client is released.

const [port, redisPort] = process.argv.slice(2).map(Number);
const publisher = new Redis({ host: '127.0.0.1', port: redisPort ?? 0 });
const subscriber = publisher.duplicate();
await Promise.all([once(publisher, 'ready'), once(subscriber, 'ready')]);

const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(publisher, subscriber),
  transports: ['websocket'],
  serveClient: false,
});
io.engine.on('connection', (rawSocket) => {
  rawSocket.request = null;
});

async function join(socket: Socket, room: string, done: string): Promise<void> {
  await socket.join(room);
  socket.emit('m', done);
}

function answer(socket: Socket, text: string): void {
  switch (text[0]) {
    case 'e':
      socket.emit('m', text);
      break;
    case 'j':
      void join(socket, text.slice(1), 'J');
      break;
    case 'u':
      void join(socket, `uid:${text.slice(1)}`, 'U');
      break;
    case 'g':
      io.to('g').emit('m', text);
      break;
    case 't':
      io.to(`uid:${text.slice(1, text.indexOf(' '))}`).emit('m', text);
      break;
    default:
      break;
  }
}

io.on('connection', (socket) => {
  socket.emit('m', GREETING);
  socket.on('m', (text: string) => answer(socket, text));
});
http.listen(port, '127.0.0.1');
await once(http, 'listening');
process.on('disconnect', () => process.exit());
process.send?.('ready');
