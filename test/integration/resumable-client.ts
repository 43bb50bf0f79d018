import { once } from 'node:events';
import {
  type ClientFrame,
  decodeGatewayFrame,
  decodeText,
  encodeClientFrame,
  encodeText,
  type GapFrame,
  type Resume,
  SUBPROTOCOL,
  type WelcomeFrame,
} from '@gatewayworker/client-protocol';
import { eventually, TestClient } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

/** A reply to a request of a client. */
export interface TestReply {
  readonly number: number;
  readonly isFailed: boolean;
  readonly value: unknown;
}

/**
 * A client that speaks the client protocol frame by frame, so that a test decides what it sends and when. It keeps its
 * positions like any client, and records what a client must not receive.
 */
export class ResumableClient {
  readonly socket: TestClient;
  readonly #welcomes: WelcomeFrame[] = [];
  /** Texts of the messages, in order. */
  readonly texts: string[] = [];
  /** Numbers of the receipts that the gateway expects, by the text of the message. */
  readonly receipts: Map<string, number> = new Map();
  readonly replies: TestReply[] = [];
  readonly gaps: GapFrame[] = [];
  readonly refusals: { readonly status: number; readonly reason: string }[] = [];
  readonly positions: Map<number, number>;
  /** Messages with an offset that the client has received before. */
  repeated = 0;
  handled = 0;
  /** GoAway frames. */
  goAways = 0;
  pings = 0;
  /** Answers no Ping. */
  isDeaf = false;
  #number: number;

  private constructor(socket: TestClient, before: ResumableClient | undefined) {
    this.socket = socket;
    this.positions = new Map(before?.positions);
    this.#number = before === undefined ? 0 : before.#number;
    socket.onMessage = (data) => this.#receive(data);
  }

  /** Opens a connection without a Hello. */
  static async connect(port: number, before?: ResumableClient): Promise<ResumableClient> {
    const websocket = new WebSocket(`ws://127.0.0.1:${port}/`, [SUBPROTOCOL]);
    const socket = new TestClient(websocket);
    await once(websocket, 'open');
    onTestFinished(() => socket.terminate());
    return new ResumableClient(socket, before);
  }

  /** Starts a session, and resolves after its Welcome. */
  static async open(port: number, token?: string): Promise<ResumableClient> {
    const client = await ResumableClient.connect(port);
    client.sendFrame({ op: 'hello', token });
    await eventually(() => client.#welcomes.length > 0);
    return client;
  }

  /** Resumes a session on a new connection, and resolves after the Welcome. */
  static async resume(
    port: number,
    before: ResumableClient,
    token?: string,
  ): Promise<ResumableClient> {
    const client = await ResumableClient.connect(port, before);
    client.sendFrame({ op: 'hello', token, resume: before.claim });
    await eventually(() => client.#welcomes.length > 0 || !client.socket.isOpen);
    return client;
  }

  get hasWelcome(): boolean {
    return this.#welcomes.length > 0;
  }

  get welcome(): WelcomeFrame {
    const [welcome] = this.#welcomes;
    if (welcome === undefined) throw new Error('no Welcome');
    return welcome;
  }

  /** What a later resume claims. */
  get claim(): Resume {
    const { clientId, secret } = this.welcome;
    return { clientId, secret, positions: this.positions };
  }

  sendFrame(frame: ClientFrame): void {
    this.socket.send(encodeClientFrame(frame));
  }

  /** Sends a message, and returns its number. */
  send(text: string): number {
    this.#number += 1;
    const payload = encodeText(text);
    this.sendFrame({ op: 'send', number: this.#number, isBinary: false, payload });
    return this.#number;
  }

  /** Sends a request, and returns its number. */
  request(type: string, data: unknown): number {
    this.#number += 1;
    const payload = encodeText(JSON.stringify(data));
    this.sendFrame({ op: 'request', number: this.#number, isBinary: false, type, payload });
    return this.#number;
  }

  /** Confirms the message with this text. */
  async confirm(text: string, state: 'received' | 'handled', value = ''): Promise<void> {
    const receipt = await eventually(() => this.receipts.get(text));
    this.sendFrame({ op: 'received', receipt, state, value });
  }

  /** Ends the connection without a close frame. */
  drop(): void {
    this.socket.terminate();
  }

  #receive(data: string | Buffer): void {
    if (typeof data === 'string') throw new Error('a text frame');
    const frame = decodeGatewayFrame(data);
    if (frame.op === 'welcome') {
      this.#welcomes.push(frame);
      for (const [source, offset] of frame.positions) this.positions.set(source, offset);
    } else if (frame.op === 'message' || frame.op === 'reply') {
      const { source, offset } = frame;
      if (source !== 0 && offset <= (this.positions.get(source) ?? 0)) {
        this.repeated += 1;
        return;
      }
      if (source !== 0) this.positions.set(source, offset);
      const text = decodeText(frame.payload);
      if (frame.op === 'message') {
        this.texts.push(text);
        if (frame.receipt !== undefined) this.receipts.set(text, frame.receipt);
      } else {
        const { number, isFailed } = frame;
        this.replies.push({ number, isFailed, value: text === '' ? undefined : JSON.parse(text) });
      }
    } else if (frame.op === 'gap') {
      this.gaps.push(frame);
      this.positions.set(
        frame.source,
        Math.max(frame.offset, this.positions.get(frame.source) ?? 0),
      );
    } else if (frame.op === 'handled') this.handled = frame.number;
    else if (frame.op === 'refused') this.refusals.push(frame);
    else if (frame.op === 'sourceEnded') this.positions.delete(frame.source);
    else if (frame.op === 'goAway') this.goAways += 1;
    else if (frame.op === 'ping') {
      this.pings += 1;
      for (const [source, offset] of frame.positions) {
        if (offset > (this.positions.get(source) ?? 0)) this.positions.set(source, offset);
      }
      if (!this.isDeaf) this.sendFrame({ op: 'pong' });
    }
  }
}
