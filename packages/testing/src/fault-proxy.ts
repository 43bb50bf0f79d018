import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { eventually } from './eventually.ts';

/** What a proxy does with the bytes that pass. */
export interface Faults {
  /** Longest time that a piece is held up, in milliseconds; pieces keep their order. */
  readonly delayMs: number;
  /** Largest piece that is passed on at a time; 0 passes whatever comes. */
  readonly pieceBytes: number;
  /** Takes bytes and passes none on, as a network that drops every packet would. */
  readonly isBlackHole: boolean;
}

const noFaults: Faults = { delayMs: 0, pieceBytes: 0, isBlackHole: false };

/** Two sockets that are joined. */
interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** A TCP proxy that does to connections what networks do: it delays, splits, cuts and swallows. */
export class FaultProxy {
  readonly #target: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #faults = noFaults;
  #isRefusing = false;
  #seed: number;
  #accepted = 0;

  private constructor(target: number, seed: number) {
    this.#target = target;
    this.#seed = seed;
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#join(near));
  }

  /**
   * Listens on a loopback port and passes on to another.
   *
   * @param port - 0 takes a free one
   * @param seed - of the random delays and sizes
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

  /** Connections that are open now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Connections that were made since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** What happens to bytes from now on; what is not named is as in a good network. */
  set(faults: Partial<Faults>): void {
    this.#faults = { ...noFaults, ...faults };
  }

  /** Breaks every connection: both ends see it at once, and what was on its way is lost. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Breaks every connection for the one who dialed; the other end hears nothing of it. */
  cutHalf(): void {
    for (const pair of this.#pairs) {
      this.#pairs.delete(pair);
      pair.far.removeAllListeners('data');
      pair.far.resume();
      pair.near.resetAndDestroy();
    }
  }

  /** Whether new connections are broken as soon as they are made. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  /** Breaks everything and listens no more. */
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
    this.#pass(near, far);
    this.#pass(far, near);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('close', () => {
        if (!this.#pairs.delete(pair)) return;
        near.destroy();
        far.destroy();
      });
    }
  }

  #pass(from: Socket, to: Socket): void {
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

  /** A number from 0 to below the bound. Source: Park and Miller, "minimal standard" generator. */
  #random(bound: number): number {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    return this.#seed % bound;
  }
}
