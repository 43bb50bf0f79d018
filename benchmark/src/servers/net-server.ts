import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { GREETING } from './greeting.ts';

// The least that a websocket server in Node.js can do: `node:net`, a parser for short whole frames, and one write per
// client and turn of the event loop. It checks nothing and has no second process, so it is the lower bound of the cost
// of the sockets, not a server to use. The argument is its port.

const FIRST_BYTES = 4096;
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

class Client {
  readonly #socket: Socket;
  #output: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  /** Bytes of an incomplete frame. */
  rest: Buffer = Buffer.alloc(0);
  isOpen = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  open(request: string): void {
    const key = /^Sec-WebSocket-Key: *(\S+)/im.exec(request)?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}${KEY_SUFFIX}`).digest('base64');
    this.isOpen = true;
    this.#socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const greeting = Buffer.from(GREETING);
    this.send(greeting, 0, greeting.length);
  }

  /** Queues a text, `source[start, end)`, for the end of the turn. */
  send(source: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#length === 0) schedule(this);
    this.#grow(length + 4);
    const output = this.#output;
    output[this.#length++] = 0x81;
    if (length < 126) {
      output[this.#length++] = length;
    } else {
      output[this.#length++] = 126;
      output[this.#length++] = length >> 8;
      output[this.#length++] = length & 255;
    }
    this.#length += source.copy(output, this.#length, start, end);
  }

  flush(): void {
    this.#socket.write(this.#output.subarray(0, this.#length));
    this.#output = Buffer.allocUnsafe(FIRST_BYTES);
    this.#length = 0;
  }

  #grow(byteLength: number): void {
    const needed = this.#length + byteLength;
    if (needed <= this.#output.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#output.length * 2));
    this.#output.copy(larger, 0, 0, this.#length);
    this.#output = larger;
  }
}

let scheduled: Client[] = [];

function schedule(client: Client): void {
  if (scheduled.length === 0) setImmediate(flushAll);
  scheduled.push(client);
}

function flushAll(): void {
  const clients = scheduled;
  scheduled = [];
  for (const client of clients) client.flush();
}

const group = new Set<Client>();
const uids = new Map<string, Client>();
const joined = Buffer.from('J');
const bound = Buffer.from('U');

function answer(client: Client, bytes: Buffer, start: number, end: number): void {
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case 'e':
      client.send(bytes, start, end);
      break;
    case 'j':
      group.add(client);
      client.send(joined, 0, 1);
      break;
    case 'u':
      uids.set(bytes.toString('latin1', start + 1, end), client);
      client.send(bound, 0, 1);
      break;
    case 'g':
      for (const member of group) member.send(bytes, start, end);
      break;
    case 't': {
      const space = bytes.indexOf(32, start);
      uids.get(bytes.toString('latin1', start + 1, space))?.send(bytes, start, end);
      break;
    }
    default:
      break;
  }
}

/** Answers the whole frames of a chunk; frames of up to 65,535 bytes. */
function read(client: Client, chunk: Buffer): void {
  const bytes = client.rest.length === 0 ? chunk : Buffer.concat([client.rest, chunk]);
  let offset = 0;
  while (bytes.length - offset >= 8) {
    let length = (bytes[offset + 1] ?? 0) & 127;
    let mask = offset + 2;
    if (length === 126) {
      length = bytes.readUInt16BE(mask);
      mask += 2;
    }
    const start = mask + 4;
    const end = start + length;
    if (end > bytes.length) break;
    if (bytes.readUInt32BE(mask) !== 0) {
      for (let i = start; i < end; i += 1) {
        bytes[i] = (bytes[i] ?? 0) ^ (bytes[mask + ((i - start) & 3)] ?? 0);
      }
    }
    answer(client, bytes, start, end);
    offset = end;
  }
  client.rest = bytes.subarray(offset);
}

const server = createServer({ noDelay: true }, (socket) => {
  const client = new Client(socket);
  socket.on('data', (chunk: Buffer) => {
    if (client.isOpen) read(client, chunk);
    else client.open(chunk.toString('latin1'));
  });
  // The load generator drops its connections.
  socket.on('error', () => undefined);
  socket.on('close', () => group.delete(client));
});
server.listen(Number(process.argv[2]), '127.0.0.1', 4096);
await once(server, 'listening');
process.on('disconnect', () => process.exit());
process.send?.('ready');
