import type { Socket } from 'node:net';

/** How many connections each address has, where that is limited. */
export class ConnectionsPerAddress {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** @param max - 0 sets no limit */
  constructor(max: number) {
    this.#max = max;
  }

  /** Number of addresses that have connections; 0 without a limit. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts a connection until its socket closes; answers false when its address has enough. */
  take(address: string, socket: Socket): boolean {
    if (this.#max === 0) return true;
    const count = this.#counts.get(address) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(address, count + 1);
    socket.once('close', () => this.#giveBack(address));
    return true;
  }

  #giveBack(address: string): void {
    const left = (this.#counts.get(address) ?? 0) - 1;
    if (left > 0) this.#counts.set(address, left);
    else this.#counts.delete(address);
  }
}
