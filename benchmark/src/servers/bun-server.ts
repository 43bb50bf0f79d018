import { GREETING } from './greeting.ts';

// Bun with its own websockets, in one process, with the same application as `raw-ws-server.ts`. Groups are topics of
// Bun. The argument is its port.

interface BunSocket {
  send(text: string): number;
  subscribe(topic: string): void;
  publish(topic: string, text: string): number;
}

interface BunServer {
  upgrade(request: Request): boolean;
  publish(topic: string, text: string): number;
}

/** The part of the API of Bun that is used here. Source: https://bun.com/docs/runtime/http/websockets */
interface BunRuntime {
  serve(options: {
    readonly port: number;
    readonly hostname: string;
    fetch(request: Request, server: BunServer): Response | undefined;
    readonly websocket: {
      open(socket: BunSocket): void;
      message(socket: BunSocket, data: string | Buffer): void;
    };
  }): BunServer;
}

const uids = new Map<string, BunSocket>();

const bun = Reflect.get(globalThis, 'Bun') as BunRuntime;
const server = bun.serve({
  port: Number(process.argv[2]),
  hostname: '127.0.0.1',
  fetch: (request, self) =>
    self.upgrade(request) ? undefined : new Response(null, { status: 426 }),
  websocket: {
    open: (socket) => void socket.send(GREETING),
    message(socket, data) {
      const text = String(data);
      switch (text[0]) {
        case 'e':
          socket.send(text);
          break;
        case 'j':
          socket.subscribe(text.slice(1));
          socket.send('J');
          break;
        case 'u':
          uids.set(text.slice(1), socket);
          socket.send('U');
          break;
        case 'g':
          server.publish('g', text);
          break;
        case 't':
          uids.get(text.slice(1, text.indexOf(' ')))?.send(text);
          break;
        default:
          break;
      }
    },
  },
});
process.stdout.write('listening\n');
