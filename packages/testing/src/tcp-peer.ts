import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A raw TCP peer: it sends any bytes and keeps what comes. */
export class TcpPeer {
  /** Resolves with everything that came, when the other side has closed. */
  readonly ended: Promise<Buffer>;
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    // Each piece that a test sends is one on the wire.
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on('error', () => undefined);
    // Not by `once`, which rejects on an error: a connection that fails has ended too.
    this.ended = new Promise((resolve) => {
      socket.once('close', () => resolve(this.received));
    });
  }

  /** Everything that came so far. */
  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Connects to a loopback port. */
export async function openTcpPeer(port: number): Promise<TcpPeer> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return new TcpPeer(socket);
}
