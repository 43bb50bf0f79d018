import { type Client, connect, type GapEvent, type OpenEvent } from '@gatewayworker/sdk';
import { WebSocket } from 'ws';

/** Counts of all clients. */
export class Totals {
  messages = 0;
  sent = 0;
  replies = 0;
  drops = 0;
  resumes = 0;
  /** Times from the loss of a connection to the resumed session, in milliseconds. */
  readonly resumeMs: number[] = [];
  /** New sessions after a lost one, by reason. */
  readonly newSessions = new Map<string, number>();
  readonly gaps = new Map<string, number>();
  /** Messages inside of reported gaps. */
  missedInGaps = 0;
  /** Calls of clients that failed, by code. */
  readonly failures = new Map<string, number>();
  /** What must not happen. */
  readonly violations: string[] = [];
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** What a client has received of one sender for one receiver, such as a group. */
interface Stream {
  last: number;
  source: number;
}

/** A websocket that can be half open. */
class DeafenableSocket extends WebSocket {
  isDeaf = false;

  override send(data: Uint8Array): void {
    if (!this.isDeaf) super.send(data);
  }
}

/** A client that knows of every numbered message whether it is missing, repeated, or in the wrong order. */
export class LedgerClient {
  readonly name: string;
  readonly #totals: Totals;
  readonly #client: Client;
  readonly #sockets = new Set<DeafenableSocket>();
  readonly #streams = new Map<string, Stream>();
  /** Sources of which a gap was reported; 0 stands for any that is not known yet. */
  readonly #gapOf = new Set<number>();
  #number = 0;
  #downAt: number | undefined;
  #openedAt = 0;
  #isClosed = false;

  constructor(name: string, url: () => string, totals: Totals) {
    this.name = name;
    this.#totals = totals;
    const sockets = this.#sockets;
    class OwnSocket extends DeafenableSocket {
      constructor(address: string, protocols: string[]) {
        super(address, protocols);
        sockets.add(this);
        this.on('close', () => sockets.delete(this));
        this.on('error', () => undefined);
      }
    }
    this.#client = connect(url, {
      token: name,
      format: 'text',
      WebSocket: OwnSocket as never,
      retry: { minMs: 100, maxMs: 1000 },
    });
    this.#client.on('open', (event) => this.#handleOpen(event));
    this.#client.on('down', () => {
      totals.drops += 1;
      this.#downAt ??= performance.now();
    });
    this.#client.on('message', (data, { source, offset }) =>
      this.#handleMessage(String(data), source, offset),
    );
    this.#client.on('gap', (gap) => this.#handleGap(gap));
    this.#client.on('closed', ({ code, reason }) => {
      if (!this.#isClosed) this.#violate(`closed with ${code} ${reason}`);
    });
  }

  get isOpen(): boolean {
    return this.#client.state === 'open' && ![...this.#sockets].some(({ isDeaf }) => isDeaf);
  }

  /** Ends the connection without a close frame. */
  drop(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  /** Makes the connection half open: nothing arrives any more, in either direction. */
  deafen(): void {
    for (const socket of this.#sockets) {
      socket.isDeaf = true;
      socket.pause();
    }
  }

  /** Sends the next numbered message. */
  send(): void {
    if (this.#client.state === 'closed') return;
    this.#number += 1;
    this.#totals.sent += 1;
    this.#client.send(String(this.#number)).catch((error: unknown) => this.#fail(error));
  }

  /** Sends a request, and checks its reply. */
  request(): void {
    if (this.#client.state === 'closed') return;
    const data = Math.random();
    this.#client.request('echo', data, { timeoutMs: 90_000 }).then(
      (result) => {
        this.#totals.replies += 1;
        if (Reflect.get(Object(result), 'data') !== data) this.#violate('a wrong reply');
      },
      (error: unknown) => this.#fail(error),
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#client.close();
  }

  #handleOpen({ resumed, reason }: OpenEvent): void {
    const now = performance.now();
    if (resumed) {
      this.#totals.resumes += 1;
      if (this.#downAt !== undefined) this.#totals.resumeMs.push(now - this.#downAt);
    } else {
      if (reason !== '') count(this.#totals.newSessions, reason);
      // The application counts from 1 again.
      this.#streams.clear();
      this.#gapOf.clear();
      this.#number = 0;
      this.#openedAt = now;
      this.#client.clearQueue();
    }
    this.#downAt = undefined;
  }

  #handleMessage(text: string, source: number, offset: number): void {
    this.#totals.messages += 1;
    const [pid = '', receiver = '', digits = ''] = text.split(' ');
    if (pid === 'wrong') {
      this.#violate(`the application has got: ${text}`);
      return;
    }
    const number = Number(digits);
    const name = `${pid} ${receiver}`;
    const stream = this.#streams.get(name);
    if (stream === undefined) {
      // A sender that started during this session has sent everything to it.
      const isYoung = number < 20 && performance.now() - this.#openedAt > 5000;
      if (isYoung && number !== 1 && !this.#gapOf.has(source)) {
        this.#violate(`${name}: begins with ${number}, source ${source}, offset ${offset}`);
      }
      this.#streams.set(name, { last: number, source });
      return;
    }
    if (number <= stream.last) {
      this.#violate(`${name}: ${number} after ${stream.last}, source ${source}, offset ${offset}`);
      return;
    }
    const missing = number - stream.last - 1;
    stream.last = number;
    if (missing === 0) return;
    if (this.#gapOf.has(source)) this.#totals.missedInGaps += missing;
    else this.#violate(`${name}: ${missing} before ${number} are missing, source ${source}`);
  }

  #handleGap({ source, reason }: GapEvent): void {
    count(this.#totals.gaps, reason);
    this.#gapOf.add(source);
    // It covers what is missing now, not what will be missing later.
    setTimeout(() => this.#gapOf.delete(source), 3000).unref();
  }

  #fail(error: unknown): void {
    const code = String(Reflect.get(Object(error), 'code'));
    if (!this.#isClosed) count(this.#totals.failures, code);
  }

  #violate(what: string): void {
    this.#totals.violations.push(`${this.name} ${this.#client.clientId}: ${what}`);
  }
}
