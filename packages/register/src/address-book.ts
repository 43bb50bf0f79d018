import type { GatewayEntry } from '@gatewayworker/protocol';

/** A gateway, and who announced it. */
export interface Announced<Link> {
  readonly link: Link;
  readonly gateway: GatewayEntry;
}

/** The gateways that are alive, by the link that announced them. Pure data; it does no I/O. */
export class AddressBook<Link> {
  readonly #entries = new Map<Link, GatewayEntry>();

  /** Number of gateways. */
  get size(): number {
    return this.#entries.size;
  }

  /** The links of the gateways. */
  get links(): IterableIterator<Link> {
    return this.#entries.keys();
  }

  /**
   * Stores what a link announces; a second announcement of a link replaces its first.
   *
   * @returns another process that has announced the same address by a link that is not closed
   */
  announce(link: Link, gateway: GatewayEntry): Announced<Link> | undefined {
    this.#entries.set(link, gateway);
    for (const [other, entry] of this.#entries) {
      const isSame = entry.instanceId === gateway.instanceId;
      if (entry.address === gateway.address && !isSame) return { link: other, gateway: entry };
    }
    return undefined;
  }

  /** Forgets what a link announced. Answers false when it had announced nothing. */
  withdraw(link: Link): boolean {
    return this.#entries.delete(link);
  }

  /**
   * Every live gateway, one per address: where two links announce the same address, the newer one
   * counts, because the older is that of a process that is gone and whose link is not closed yet.
   */
  list(): GatewayEntry[] {
    const byAddress = new Map<string, GatewayEntry>();
    for (const gateway of this.#entries.values()) byAddress.set(gateway.address, gateway);
    return [...byAddress.values()];
  }
}
