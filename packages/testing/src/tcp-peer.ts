import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A raw TCP peer: it sends any bytes and collects what it receives. */
export class TcpPeer {
  /** Resolves with everything received, once the connection has closed. */
  readonly ended: Promise<Buffer>;
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    // Send each piece of a test in its own segment.
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    socket.on('error', () => undefined);
    // `once` of node:events would reject on an error, but a failed connection has ended too.
    this.ended = new Promise((resolve) => {
      socket.once('close', () => resolve(this.received));
    });
  }

  /** Everything received so far. */
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
