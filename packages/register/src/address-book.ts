import type { GatewayEntry } from '@gatewayworker/protocol';

/** A gateway, and the link that announced it. */
export interface Announced<Link> {
  readonly link: Link;
  readonly gateway: GatewayEntry;
}

/** The gateways that are alive, by the link that announced them. It does no I/O. */
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
   * Stores the announcement of a link. It replaces an earlier announcement of the same link.
   *
   * @returns another process whose link is open and that has announced the same address
   */
  announce(link: Link, gateway: GatewayEntry): Announced<Link> | undefined {
    this.#entries.set(link, gateway);
    for (const [other, entry] of this.#entries) {
      const isSame = entry.instanceId === gateway.instanceId;
      if (entry.address === gateway.address && !isSame) return { link: other, gateway: entry };
    }
    return undefined;
  }

  /** Removes the announcement of a link. Returns false if it had none. */
  withdraw(link: Link): boolean {
    return this.#entries.delete(link);
  }

  /**
   * Every live gateway, one per address. If two links announce the same address, the newer one wins: the older link is
   * usually that of a dead process, and not closed yet.
   */
  list(): GatewayEntry[] {
    const byAddress = new Map<string, GatewayEntry>();
    for (const gateway of this.#entries.values()) byAddress.set(gateway.address, gateway);
    return [...byAddress.values()];
  }
}
