import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';
import { eventually } from './eventually.ts';

/** How a connection ended, as the client saw it. */
export interface ClientEnd {
  readonly code: number;
  readonly reason: string;
}

/** A websocket client that keeps what it gets. */
export class TestClient {
  /** Every message so far that `next` has not taken: text as strings, binary as Buffers. */
  readonly messages: (string | Buffer)[] = [];
  /** Called with each message as it comes. */
  onMessage: (data: string | Buffer) => void = () => undefined;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<ClientEnd>;
  readonly #websocket: WebSocket;
  #hasEnded = false;

  constructor(websocket: WebSocket) {
    this.#websocket = websocket;
    websocket.on('message', (data: Buffer, isBinary) => {
      const message = isBinary ? data : data.toString();
      this.messages.push(message);
      this.onMessage(message);
    });
    // Whatever goes wrong ends in `close`.
    websocket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      websocket.on('close', (code, reason) => {
        this.#hasEnded = true;
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** True until the connection has ended. */
  get isOpen(): boolean {
    return !this.#hasEnded;
  }

  send(data: string | Uint8Array): void {
    this.#websocket.send(data);
  }

  /** Takes the next message, waiting for it. */
  async next(): Promise<string | Buffer> {
    await eventually(() => this.messages.length > 0);
    return this.messages.shift() ?? '';
  }

  /** Takes the next message, waiting for it, and reads it as JSON. */
  async nextJson(): Promise<unknown> {
    return JSON.parse(String(await this.next()));
  }

  /** Resolves when the server has answered a ping, and so read what was sent before. */
  async ping(): Promise<void> {
    const answered = once(this.#websocket, 'pong');
    this.#websocket.ping();
    await answered;
  }

  /** Stops reading, as a slow client does. */
  pause(): void {
    this.#websocket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#websocket.resume();
  }

  /** Closes with a goodbye and waits for the end. */
  async close(code = 1000, reason = ''): Promise<void> {
    this.#websocket.close(code, reason);
    await this.ended;
  }

  /** Drops the connection. */
  terminate(): void {
    this.#websocket.terminate();
  }
}

/**
 * Opens a websocket to a loopback port.
 *
 * @throws when the handshake is refused, naming the status
 */
export async function openClient(
  port: number,
  path = '/',
  options: ClientOptions = {},
): Promise<TestClient> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  const client = new TestClient(websocket);
  await once(websocket, 'open');
  return client;
}

/** How a handshake was refused. */
export interface Refused {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * Asks a loopback port for a websocket, which is to be refused.
 *
 * @throws when it is opened, or the port answers nothing
 */
export async function requestRefusedHandshake(
  port: number,
  path = '/',
  options: ClientOptions = {},
): Promise<Refused> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  return await new Promise((resolve, reject) => {
    websocket.on('open', () => {
      websocket.terminate();
      reject(new Error('the handshake was not refused'));
    });
    websocket.on('error', reject);
    websocket.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: Buffer.concat(chunks).toString() });
      });
    });
  });
}
