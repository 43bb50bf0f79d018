import {
  type ClientFrame,
  decodeClientFrame,
  decodeText,
  encodeGatewayFrame,
  encodeText,
  type GatewayFrame,
  type HelloFrame,
  SUBPROTOCOL,
} from '@gatewayworker/client-protocol';
import { type FakePeer, FakeWebSocket } from './fake-websocket.ts';
import type { WebSocketClass } from './types.ts';

/** The fields of a Welcome that a test may choose. */
export interface WelcomeOptions {
  /** Default 120,000. */
  readonly windowMs?: number;
  /** Default 0: no Ping is sent, and the client accepts any silence. */
  readonly pingMs?: number;
  /** Default 0. */
  readonly spreadMs?: number;
  /** Default 1,048,576. */
  readonly maxBytes?: number;
}

/** Options of `fakeServer`. */
export interface FakeServerOptions extends WelcomeOptions {
  /** False: nothing answers Hello, Send and Request but the test. Default true. */
  readonly isAutomatic?: boolean;
  /** How long data is on the way. Default 0: until the next microtask. */
  readonly latencyMs?: number;
  /** Answers a request. An exception fails it with its `code` and `message`. Default: returns `data`. */
  readonly onRequest?: (type: string, data: unknown) => unknown;
}

/** Options of `FakeServer.send`. */
export interface FakeSendOptions {
  /** Default 1. Source 0 has no offsets. */
  readonly source?: number;
  /** The server waits for a Received with this number. */
  readonly receipt?: number;
}

/** A session of the server. */
interface FakeSession {
  readonly clientId: string;
  secret: number;
  previousSecret: number;
  /** Highest number received from the client. */
  handled: number;
  /** What was sent to the client, for a resume. */
  readonly sent: (GatewayFrame & { readonly source: number; readonly offset: number })[];
  socket: FakeWebSocket | undefined;
  /** A Pong answers a Ping. */
  isPinged: boolean;
}

/** A gateway in memory that speaks the client protocol, for tests of code that uses the SDK. */
export class FakeServer {
  /** For `ConnectOptions.WebSocket`. */
  readonly WebSocket: WebSocketClass;
  /** Every websocket, in the order in which they were opened. */
  readonly sockets: FakeWebSocket[] = [];
  /** Every frame of the clients. */
  readonly frames: ClientFrame[] = [];
  /** Each message of the clients, once: text is parsed if it is JSON, binary data is a Uint8Array. */
  readonly messages: unknown[] = [];
  /** False: websockets open without the subprotocol, as at a gateway that does not keep sessions. */
  selectsSubprotocol = true;
  /** False: the server ignores probes, as one that cannot be reached. */
  answersProbes = true;
  readonly #options: FakeServerOptions;
  readonly #sessions = new Map<string, FakeSession>();
  readonly #offsets = new Map<number, number>();
  #refusal: { status: number; reason: string } | undefined;
  #nextId = 1;

  constructor(options: FakeServerOptions = {}) {
    this.#options = options;
    const peer: FakePeer = {
      accept: (socket) => socket.open(this.selectsSubprotocol ? SUBPROTOCOL : ''),
      receive: (socket, data) => this.#receive(socket, decodeClientFrame(data)),
      end: (socket) => this.#detach(socket),
    };
    const { sockets } = this;
    const { latencyMs = 0 } = options;
    this.WebSocket = class extends FakeWebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, peer, latencyMs);
        sockets.push(this);
      }
    };
  }

  /** The websocket that was opened last. */
  get socket(): FakeWebSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no client has connected');
    return socket;
  }

  /** The frames of one kind. */
  framesOf<O extends ClientFrame['op']>(op: O): Extract<ClientFrame, { op: O }>[] {
    return this.frames.filter((frame): frame is Extract<ClientFrame, { op: O }> => frame.op === op);
  }

  /** Sends a message to every session. A session without a connection gets it when it resumes. */
  send(data: unknown, { source = 1, receipt }: FakeSendOptions = {}): void {
    const offset = source === 0 ? 0 : (this.#offsets.get(source) ?? 0) + 1;
    this.#offsets.set(source, offset);
    const content =
      data instanceof Uint8Array
        ? { isBinary: true, payload: data }
        : { isBinary: false, payload: encodeText(JSON.stringify(data)) };
    for (const session of this.#sessions.values()) {
      this.#push(session, { op: 'message', source, offset, receipt, ...content });
    }
  }

  /** Sends a frame on the websocket that was opened last, and keeps nothing of it. */
  sendFrame(frame: GatewayFrame): void {
    this.socket.deliver(encodeGatewayFrame(frame));
  }

  /** Ends the websocket that was opened last, at once: frames on the way are lost. */
  drop(code = 1006, reason = ''): void {
    this.#detach(this.socket);
    this.socket.drop(code, reason);
  }

  /** Asks every client to move to another connection. */
  goAway(minMs = 0, maxMs = 0, reason = ''): void {
    for (const { socket } of this.#sessions.values()) {
      socket?.deliver(encodeGatewayFrame({ op: 'goAway', minMs, maxMs, reason }));
    }
  }

  /** Refuses every Hello from now on, as `onHandshake` does; `status` 0 ends that. */
  refuse(status: number, reason = ''): void {
    this.#refusal = status === 0 ? undefined : { status, reason };
  }

  /** Forgets every session, so that the next Hello gets a new one. */
  forgetSessions(): void {
    this.#sessions.clear();
  }

  /** Answers the last Hello of a server that is not automatic. */
  welcome(reason?: string): void {
    const hello = this.framesOf('hello').at(-1);
    if (hello === undefined) throw new Error('no client has sent Hello');
    this.#welcome(this.socket, hello, reason);
  }

  #receive(socket: FakeWebSocket, frame: ClientFrame): void {
    this.frames.push(frame);
    if (this.#options.isAutomatic === false) return;
    const session = [...this.#sessions.values()].find((entry) => entry.socket === socket);
    switch (frame.op) {
      case 'hello':
        this.#answerHello(socket, frame);
        break;
      case 'send':
      case 'request':
        if (session !== undefined && frame.number > session.handled) {
          session.handled = frame.number;
          this.#handle(session, frame);
        }
        break;
      case 'bye':
        if (session !== undefined) this.#sessions.delete(session.clientId);
        break;
      case 'pong':
        // An answer to Ping needs no answer; a probe gets a Ping.
        if (session === undefined || !this.answersProbes) break;
        if (session.isPinged) session.isPinged = false;
        else this.#ping(session);
        break;
      case 'cancel':
      case 'received':
        break;
    }
  }

  #ping(session: FakeSession): void {
    session.isPinged = true;
    session.socket?.deliver(encodeGatewayFrame({ op: 'ping', positions: new Map() }));
  }

  #answerHello(socket: FakeWebSocket, hello: HelloFrame): void {
    if (this.#refusal === undefined) {
      this.#welcome(socket, hello);
      return;
    }
    socket.deliver(encodeGatewayFrame({ op: 'refused', ...this.#refusal }));
    socket.end(4501);
  }

  #welcome(socket: FakeWebSocket, { resume }: HelloFrame, refusal?: string): void {
    const known = resume === undefined ? undefined : this.#sessions.get(resume.clientId);
    const given = resume?.secret[0];
    // The previous one is valid too, because the client may not have received the last Welcome.
    const isSecretRight = given === known?.secret || given === known?.previousSecret;
    const isResumed = known !== undefined && isSecretRight && refusal === undefined;
    const why = known === undefined ? 'unknown' : 'secret';
    const session = isResumed ? known : this.#create();
    const previous = session.socket;
    session.socket = socket;
    session.isPinged = false;
    session.previousSecret = session.secret;
    session.secret = (session.secret + 1) % 256;
    const { windowMs = 120_000, pingMs = 0, spreadMs = 0, maxBytes = 1_048_576 } = this.#options;
    socket.deliver(
      encodeGatewayFrame({
        op: 'welcome',
        isResumed,
        clientId: session.clientId,
        secret: Uint8Array.of(session.secret),
        reason: isResumed || resume === undefined ? '' : (refusal ?? why),
        windowMs,
        pingMs,
        spreadMs,
        handled: session.handled,
        maxBytes,
        positions: isResumed ? new Map() : new Map(this.#offsets),
      }),
    );
    // A resume on a second connection takes over.
    previous?.end(4412);
    if (!isResumed) return;
    if (session.handled > 0) {
      socket.deliver(encodeGatewayFrame({ op: 'handled', number: session.handled }));
    }
    for (const frame of session.sent) {
      const position = resume?.positions.get(frame.source) ?? 0;
      if (frame.offset > position) socket.deliver(encodeGatewayFrame(frame));
    }
  }

  #create(): FakeSession {
    const clientId = `fake-${this.#nextId++}`;
    const session: FakeSession = {
      clientId,
      secret: 0,
      previousSecret: 0,
      handled: 0,
      sent: [],
      socket: undefined,
      isPinged: false,
    };
    this.#sessions.set(clientId, session);
    return session;
  }

  #handle(session: FakeSession, frame: Extract<ClientFrame, { op: 'send' | 'request' }>): void {
    const data = frame.isBinary ? frame.payload : parse(decodeText(frame.payload), frame.op);
    const { number } = frame;
    if (frame.op === 'request') this.#answer(session, number, frame.type, data);
    else this.messages.push(data);
    session.socket?.deliver(encodeGatewayFrame({ op: 'handled', number }));
  }

  #answer(session: FakeSession, number: number, type: string, data: unknown): void {
    let isFailed = false;
    let value: unknown;
    try {
      value = (this.#options.onRequest ?? ((_type, same) => same))(type, data);
    } catch (error) {
      isFailed = true;
      value = { code: String(Reflect.get(Object(error), 'code')), message: String(error) };
    }
    const isBinary = value instanceof Uint8Array;
    const payload = value instanceof Uint8Array ? value : encodeText(JSON.stringify(value) ?? '');
    const source = 1;
    const offset = (this.#offsets.get(source) ?? 0) + 1;
    this.#offsets.set(source, offset);
    this.#push(session, { op: 'reply', source, offset, number, isFailed, isBinary, payload });
  }

  #push(
    session: FakeSession,
    frame: GatewayFrame & { readonly source: number; readonly offset: number },
  ): void {
    if (frame.source !== 0) session.sent.push(frame);
    session.socket?.deliver(encodeGatewayFrame(frame));
  }

  #detach(socket: FakeWebSocket): void {
    for (const session of this.#sessions.values()) {
      if (session.socket === socket) session.socket = undefined;
    }
  }
}

function parse(text: string, op: 'send' | 'request'): unknown {
  // A request without data.
  if (text === '' && op === 'request') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Creates a gateway in memory. */
export function fakeServer(options: FakeServerOptions = {}): FakeServer {
  return new FakeServer(options);
}
