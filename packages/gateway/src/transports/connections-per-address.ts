import type { Socket } from 'node:net';

/**
 * Counts and limits the connections of each address. IPv6 addresses are counted by /64, because a client gets a whole
 * /64 from its provider. Source: RFC 6177 2.
 */
export class ConnectionsPerAddress {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  /** @param max - 0 sets no limit */
  constructor(max: number) {
    this.#max = max;
  }

  /** Number of addresses, or /64 networks, with connections; 0 without a limit. */
  get size(): number {
    return this.#counts.size;
  }

  /**
   * Counts a connection until its socket closes. Returns false if its address has reached the limit.
   *
   * @param address - in canonical form
   */
  take(address: string, socket: Socket): boolean {
    if (this.#max === 0) return true;
    const key = countingKey(address);
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(key, count + 1);
    socket.once('close', () => this.#release(key));
    return true;
  }

  #release(key: string): void {
    const left = (this.#counts.get(key) ?? 0) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

/** Returns an IPv4 address as it is, and the first four groups of an IPv6 address. */
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
