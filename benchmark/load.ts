import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What clients do: hear themselves, write to one another by uid, or to a group of all. */
export type LoadMode = 'echo' | 'uid' | 'group';

/** How much of it. */
export interface LoadOptions {
  readonly mode: LoadMode;
  /** Clients are spread over these ports of 127.0.0.1. */
  readonly ports: readonly number[];
  readonly clients: number;
  /** Messages that each sender has on their way. */
  readonly pipeline: number;
  /** Clients that send, in the mode `group`. */
  readonly senders: number;
}

/** Bytes of a message, and of its frame as a client gets it. */
const MESSAGE_BYTES = 64;
const FRAME_BYTES = MESSAGE_BYTES + 2;

/**
 * Clients that send as fast as they are answered, over plain sockets: messages have one length, so that
 * counting them costs next to nothing and the CPU is left to the servers.
 */
export class Load {
  /** Messages that all clients together have got. */
  received = 0;
  readonly #sockets: Socket[] = [];

  /** Connects all clients, binds their uids and joins the group, and resolves when they can begin. */
  async connect({ mode, ports, clients }: LoadOptions): Promise<void> {
    for (let id = 0; id < clients; id += 1) {
      const socket = connect(ports[id % ports.length] ?? 0, '127.0.0.1').setNoDelay(true);
      this.#sockets.push(socket);
      socket.write(handshake);
      const answer = await firstBytes(socket);
      if (!answer.startsWith('HTTP/1.1 101')) throw new Error(`no websocket: ${answer}`);
      if (mode === 'echo') continue;
      socket.write(frame(mode === 'uid' ? `u${id}` : 'jg'));
      await firstBytes(socket);
    }
  }

  /** Begins to send. */
  run({ mode, clients, pipeline, senders }: LoadOptions): void {
    for (const [id, socket] of this.#sockets.entries()) {
      const message = frame(messageOf(mode, id, clients));
      if (mode === 'group') this.#answerOwn(socket, id, message);
      else this.#answerAll(socket, message);
      const isSender = mode !== 'group' || id < senders;
      for (let sent = 0; isSender && sent < pipeline; sent += 1) socket.write(message);
    }
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Whatever comes is answered by a message more. */
  #answerAll(socket: Socket, message: Buffer): void {
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      const count = Math.floor(bytes / FRAME_BYTES);
      bytes -= count * FRAME_BYTES;
      this.received += count;
      if (count > 0)
        socket.write(count === 1 ? message : Buffer.concat(Array(count).fill(message)));
    });
  }

  /** A sender hears everybody, and goes on when it hears itself. */
  #answerOwn(socket: Socket, id: number, message: Buffer): void {
    const own = messageOf('group', id, 0);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let offset = 0;
      for (; offset + FRAME_BYTES <= bytes.length; offset += FRAME_BYTES) {
        this.received += 1;
        if (bytes.toString('latin1', offset + 2, offset + 10) === own.slice(0, 8)) {
          socket.write(message);
        }
      }
      rest = bytes.subarray(offset);
    });
  }
}

const handshake = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n');

function messageOf(mode: LoadMode, id: number, clients: number): string {
  const heads = {
    echo: 'e',
    uid: `t${(id + Math.floor(clients / 2)) % clients} `,
    group: `g${String(id).padStart(7, '0')} `,
  };
  return heads[mode].padEnd(MESSAGE_BYTES, '.');
}

/** A text frame of a client; a masking key of zeros is a legal one. Source: RFC 6455 5.3. */
function frame(text: string): Buffer {
  return Buffer.concat([Buffer.of(0x81, 0x80 | text.length, 0, 0, 0, 0), Buffer.from(text)]);
}

async function firstBytes(socket: Socket): Promise<string> {
  const [chunk] = await once(socket, 'data');
  return String(chunk);
}
