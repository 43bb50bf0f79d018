import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { eventually } from './eventually.ts';

/** Faults that a proxy injects into its connections. */
export interface Faults {
  /** Longest delay of a piece, in milliseconds; pieces keep their order. */
  readonly delayMs: number;
  /** Largest piece that is forwarded at once, in bytes; 0 for no limit. */
  readonly pieceBytes: number;
  /** Accepts bytes and forwards none, like a network that drops every packet. */
  readonly isBlackHole: boolean;
}

const NO_FAULTS: Faults = { delayMs: 0, pieceBytes: 0, isBlackHole: false };

/** Two connected sockets. */
interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** A TCP proxy with the faults of networks: it delays, splits and drops bytes, and breaks connections. */
export class FaultProxy {
  readonly #target: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #faults = NO_FAULTS;
  #isRefusing = false;
  #seed: number;
  #accepted = 0;

  private constructor(target: number, seed: number) {
    this.#target = target;
    this.#seed = seed;
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#join(near));
  }

  /**
   * Listens on a loopback port and forwards to another one.
   *
   * @param port - 0 selects a free port
   * @param seed - seed of the random delays and sizes
   */
  static async start(target: number, port = 0, seed = 1): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, seed);
    proxy.#server.listen(port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The port it listens on. */
  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Number of connections accepted since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Sets the faults from now on; missing fields mean no fault. */
  set(faults: Partial<Faults>): void {
    this.#faults = { ...NO_FAULTS, ...faults };
  }

  /** Breaks every connection: both ends detect it at once, and bytes in transit are lost. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Breaks every connection on the dialing side only; the other side receives nothing. */
  cutHalf(): void {
    for (const pair of this.#pairs) {
      this.#pairs.delete(pair);
      pair.far.removeAllListeners('data');
      pair.far.resume();
      pair.near.resetAndDestroy();
    }
  }

  /** Sets whether new connections are reset at once. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  /** Breaks every connection and stops listening. */
  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
    await eventually(() => this.#pairs.size === 0);
  }

  #join(near: Socket): void {
    near.on('error', () => undefined);
    if (this.#isRefusing) {
      near.resetAndDestroy();
      return;
    }
    this.#accepted += 1;
    const far = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true });
    far.on('error', () => undefined);
    const pair = { near, far };
    this.#pairs.add(pair);
    this.#forward(near, far);
    this.#forward(far, near);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('close', () => {
        if (!this.#pairs.delete(pair)) return;
        near.destroy();
        far.destroy();
      });
    }
  }

  #forward(from: Socket, to: Socket): void {
    let last = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      from.pause();
      last = last.then(() => this.#send(to, chunk)).finally(() => from.resume());
    });
    from.on('end', () => void last.then(() => to.end()));
  }

  async #send(to: Socket, chunk: Buffer): Promise<void> {
    const { delayMs, pieceBytes, isBlackHole } = this.#faults;
    if (isBlackHole) return;
    let offset = 0;
    while (offset < chunk.length && !to.destroyed) {
      const size = pieceBytes === 0 ? chunk.length : 1 + this.#random(pieceBytes);
      if (delayMs > 0) await new Promise((done) => setTimeout(done, this.#random(delayMs)));
      await new Promise((written) => to.write(chunk.subarray(offset, offset + size), written));
      offset += size;
    }
  }

  /** Returns a random integer from 0 to below the bound. Source: Park and Miller, "minimal standard" generator. */
  #random(bound: number): number {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    return this.#seed % bound;
  }
}
