import { type ClientAddress, type ConnectionAddress, parseClientId } from '@gatewayworker/protocol';
import type { GatewayLink } from './gateway-link.ts';

/** Where a client is that has resumed at another gateway than the one in its client id. */
export interface Alias extends ConnectionAddress {
  readonly link: GatewayLink;
  /** The address in the client id. */
  readonly id: ClientAddress;
}

/**
 * Clients whose client id does not lead to their gateway, because they have resumed at another one.
 *
 * A client has one alias, the newest. It counts even if the gateway in the client id is linked.
 */
export class AliasTable {
  /** Aliases by the gateway token and the connection in the client id. */
  readonly #byToken = new Map<number, Map<number, Alias>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The alias of a client. */
  find(id: ClientAddress): Alias | undefined {
    const alias = this.#byToken.get(id.gatewayToken)?.get(id.connection);
    return alias !== undefined && hasSameNonces(alias.id, id) ? alias : undefined;
  }

  /** Records that the client is at the gateway of this link. Removes its alias if its client id leads there. */
  set(clientId: string, link: GatewayLink, address: ConnectionAddress): void {
    const id = parseClientId(clientId);
    if (id === undefined) return;
    this.#delete(id);
    const { connection, nonceHigh, nonceLow } = address;
    const isAtHome = link.gatewayToken === id.gatewayToken && connection === id.connection;
    if (isAtHome && hasSameNonces(address, id)) return;
    const aliases = this.#byToken.get(id.gatewayToken) ?? new Map<number, Alias>();
    this.#byToken.set(id.gatewayToken, aliases);
    aliases.set(id.connection, { id, link, connection, nonceHigh, nonceLow });
    this.#size += 1;
  }

  /** Removes the alias of a client, if it leads to this connection of this gateway. */
  remove(clientId: string, link: GatewayLink, connection: number): void {
    const id = parseClientId(clientId);
    const alias = id === undefined ? undefined : this.find(id);
    if (alias?.link === link && alias.connection === connection) this.#delete(alias.id);
  }

  /** Removes all aliases of a gateway whose link has ended. */
  removeLink(link: GatewayLink): void {
    for (const aliases of this.#byToken.values()) {
      for (const alias of aliases.values()) if (alias.link === link) this.#delete(alias.id);
    }
  }

  #delete(id: ClientAddress): void {
    const aliases = this.#byToken.get(id.gatewayToken);
    if (aliases?.delete(id.connection) !== true) return;
    this.#size -= 1;
    if (aliases.size === 0) this.#byToken.delete(id.gatewayToken);
  }
}

function hasSameNonces(a: ConnectionAddress, b: ConnectionAddress): boolean {
  return a.nonceHigh === b.nonceHigh && a.nonceLow === b.nonceLow;
}
