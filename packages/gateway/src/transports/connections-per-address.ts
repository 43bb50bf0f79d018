import type { Socket } from 'node:net';

/**
 * How many connections each address has, where that is limited. An IPv6 address counts as its /64: one
 * client gets a whole /64 from its provider, and may connect from each address of it. Source: RFC 6177 2.
 */
export class ConnectionsPerAddress {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** @param max - 0 sets no limit */
  constructor(max: number) {
    this.#max = max;
  }

  /** Number of addresses, or /64 networks, that have connections; 0 without a limit. */
  get size(): number {
    return this.#counts.size;
  }

  /**
   * Counts a connection until its socket closes; answers false when its address has enough.
   *
   * @param address - in canonical form
   */
  take(address: string, socket: Socket): boolean {
    if (this.#max === 0) return true;
    const key = countingKey(address);
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(key, count + 1);
    socket.once('close', () => this.#giveBack(key));
    return true;
  }

  #giveBack(key: string): void {
    const left = (this.#counts.get(key) ?? 0) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

/** An IPv4 address as it is; of an IPv6 one its first four groups. */
function countingKey(address: string): string {
  if (!address.includes(':')) return address;
  const [left = '', right] = address.split('::');
  const groups = left === '' ? [] : left.split(':');
  if (right !== undefined) {
    const after = right === '' ? [] : right.split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return groups.slice(0, 4).join(':');
}
