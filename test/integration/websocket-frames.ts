import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';

/** Opcodes. Source: RFC 6455 5.2. */
export const Opcode = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 } as const;

/** How a frame of a client is out of the ordinary. */
export interface FrameOptions {
  readonly isFinal?: boolean;
  /** The three reserved bits, 0 to 7. */
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** Bytes of the length field beyond the first: 0, 2 or 8; by default the fewest that hold it. */
  readonly lengthBytes?: 0 | 2 | 8;
}

const mask = Buffer.of(0x12, 0x34, 0x56, 0x78);

/** One frame as a client sends it. */
export function frame(
  opcode: number,
  data: string | Uint8Array,
  options: FrameOptions = {},
): Buffer {
  const { isFinal = true, reserved = 0, isMasked = true } = options;
  const payload = Buffer.from(data);
  const { length } = payload;
  const lengthBytes = options.lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const header = Buffer.alloc(2 + lengthBytes);
  header.writeUInt8((isFinal ? 0x80 : 0) | (reserved << 4) | opcode, 0);
  const short = lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127;
  header.writeUInt8((isMasked ? 0x80 : 0) | short, 1);
  if (lengthBytes === 2) header.writeUInt16BE(length, 2);
  if (lengthBytes === 8) header.writeBigUInt64BE(BigInt(length), 2);
  if (!isMasked) return Buffer.concat([header, payload]);
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([header, mask, masked]);
}

/** A close frame with a code and a reason. */
export function closeFrame(code: number, reason: string | Uint8Array = ''): Buffer {
  const start = Buffer.alloc(2);
  start.writeUInt16BE(code);
  return frame(Opcode.Close, Buffer.concat([start, Buffer.from(reason)]));
}

/** What the server sent, one short line a frame. */
function describeFrames(bytes: Buffer): string[] {
  const lines: string[] = [];
  let offset = 0;
  while (offset + 2 <= bytes.length) {
    const first = bytes.readUInt8(offset);
    let length = bytes.readUInt8(offset + 1);
    let start = offset + 2;
    if (length === 126) {
      length = bytes.readUInt16BE(start);
      start += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(start));
      start += 8;
    }
    if (start + length > bytes.length) break;
    lines.push(describeFrame(first, bytes.subarray(start, start + length)));
    offset = start + length;
  }
  return lines;
}

function describeFrame(first: number, payload: Buffer): string {
  if (first === 0x88) return payload.length < 2 ? 'close' : `close ${payload.readUInt16BE(0)}`;
  if (first === 0x8a) return `pong ${payload.toString('latin1')}`;
  if (first === 0x81) return `text ${payload.toString('utf8')}`;
  if (first === 0x82) return `binary ${payload.toString('latin1')}`;
  return `frame ${first.toString(16)}`;
}

/** A websocket of which every byte is the test's own. */
export class RawWebsocket {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  isEnded = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isEnded = true;
    });
  }

  /** What came after the handshake. */
  get frames(): string[] {
    const start = this.#received.indexOf('\r\n\r\n') + 4;
    return start < 4 ? [] : describeFrames(this.#received.subarray(start));
  }

  /** The answer to the handshake. */
  get response(): string {
    return this.#received.toString('latin1');
  }

  /** Sends bytes, in pieces when a size is given, each in a packet of its own. */
  async send(bytes: string | Uint8Array, pieceBytes = Number.POSITIVE_INFINITY): Promise<void> {
    const all = Buffer.from(bytes);
    for (let offset = 0; offset < all.length; offset += pieceBytes) {
      this.#socket.write(all.subarray(offset, offset + pieceBytes));
      if (pieceBytes < all.length) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Closes the connection without a close frame. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Waits until the frames that came are these. */
  async expect(expected: readonly string[]): Promise<void> {
    await eventually(() => this.frames.length >= expected.length || this.isEnded);
    if (this.frames.join('|') === expected.join('|')) return;
    throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(this.frames)}`);
  }
}

/** Connects to a port and sends the head of an HTTP request, a good handshake unless told otherwise. */
export async function openRaw(port: number, head = goodHandshake): Promise<RawWebsocket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  const raw = new RawWebsocket(socket);
  await raw.send(head);
  await eventually(() => raw.response.includes('\r\n\r\n') || raw.isEnded);
  return raw;
}

/** The handshake of RFC 6455 1.3. */
export const goodHandshake: string =
  'GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
