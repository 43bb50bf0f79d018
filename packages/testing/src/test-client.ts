import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';
import { eventually } from './eventually.ts';

/** Close code and reason, as received by the client. */
export interface ClientEnd {
  readonly code: number;
  readonly reason: string;
}

/** A websocket client that collects its messages. */
export class TestClient {
  /** Messages that `next` has not returned yet: text as strings, binary as Buffers. */
  readonly messages: (string | Buffer)[] = [];
  /** Called with each message on arrival. */
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
    // Every error is followed by `close`.
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

  /** Resolves with the next message. */
  async next(): Promise<string | Buffer> {
    await eventually(() => this.messages.length > 0);
    return this.messages.shift() ?? '';
  }

  /** Resolves with the next message, parsed as JSON. */
  async nextJson(): Promise<unknown> {
    return JSON.parse(String(await this.next()));
  }

  /** Resolves once the server has answered a ping, and so has read everything sent before. */
  async ping(): Promise<void> {
    const answered = once(this.#websocket, 'pong');
    this.#websocket.ping();
    await answered;
  }

  /** Stops reading, like a slow client. */
  pause(): void {
    this.#websocket.pause();
  }

  /** Continues reading. */
  resume(): void {
    this.#websocket.resume();
  }

  /** Closes the connection with a close frame, and waits for its end. */
  async close(code = 1000, reason = ''): Promise<void> {
    this.#websocket.close(code, reason);
    await this.ended;
  }

  /** Drops the connection without a close frame. */
  terminate(): void {
    this.#websocket.terminate();
  }
}

/**
 * Opens a websocket to a loopback port.
 *
 * @throws with the status, when the handshake is refused
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

/** Response of a refused handshake. */
export interface Refused {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * Requests a websocket from a loopback port that must refuse it.
 *
 * @throws when the websocket opens, or there is no response
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
