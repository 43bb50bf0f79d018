import { randomBytes, randomInt } from 'node:crypto';
import { CLIENT_ID_FIELD_LIMIT, type ConnectionAddress } from '@gatewayworker/protocol';
import { LastSeenTable } from '../subscriptions/last-seen-table.ts';
import type { MembershipIndex } from '../subscriptions/membership-index.ts';
import type { ClientSocket } from '../transports/transport.ts';
import { ClientConnection } from './client-connection.ts';

/** Random bytes fetched at a time: one call to `randomBytes` serves 512 clients. */
const RANDOM_BYTES = 4096;

/** Parts of the table. Work on every client is done part by part, so that no turn of the event loop handles all clients. */
export const TABLE_PARTS = 64;

/** The clients of this gateway process, by connection number. */
export class ClientTable {
  /** First field of the ids of its clients. It is random, so that a restarted process repeats no id. */
  readonly gatewayToken: number;
  /** When uids were last connected. */
  readonly lastSeen: LastSeenTable = new LastSeenTable();
  readonly #parts = Array.from({ length: TABLE_PARTS }, () => new Map<number, ClientConnection>());
  #size = 0;
  #closingCount = 0;
  /** Clients that are parked: connected ones are counted much more often. */
  parkedCount = 0;
  #lastConnection = 0;
  #random = Buffer.alloc(0);
  #randomOffset = 0;

  /** @param gatewayToken - token of the predecessor, which keeps the ids of its clients valid */
  constructor(gatewayToken: number = randomInt(1, CLIENT_ID_FIELD_LIMIT)) {
    this.gatewayToken = gatewayToken;
  }

  /** Number of the client that was added last. */
  get lastConnection(): number {
    return this.#lastConnection;
  }

  /** Continues the numbering of the predecessor. */
  continueFrom(lastConnection: number): void {
    this.#lastConnection = lastConnection;
  }

  /** Number of clients, closing ones included. */
  get size(): number {
    return this.#size;
  }

  /** Number of clients that are connected and not closing. */
  get onlineCount(): number {
    return this.#size - this.#closingCount - this.parkedCount;
  }

  /** Adds a client under an unused number. */
  add(socket: ClientSocket): ClientConnection {
    const address = {
      connection: this.#nextConnection(),
      nonceHigh: this.#nextRandom(),
      nonceLow: this.#nextRandom(),
    };
    return this.restore(new ClientConnection(address, socket));
  }

  /** Adds a client that has its number already. */
  restore(client: ClientConnection): ClientConnection {
    this.#partOf(client.connection).set(client.connection, client);
    this.#size += 1;
    return client;
  }

  /** The client with this number. */
  get(connection: number): ClientConnection | undefined {
    return this.#partOf(connection).get(connection);
  }

  /** The client at this address; a guessed or stale address finds none. */
  find(connection: number, nonceHigh: number, nonceLow: number): ClientConnection | undefined {
    const client = this.get(connection);
    if (client?.nonceHigh !== nonceHigh || client.nonceLow !== nonceLow) return undefined;
    return client;
  }

  /** The client at this address; a guessed or stale address finds none. */
  at(address: ConnectionAddress): ClientConnection | undefined {
    return this.find(address.connection, address.nonceHigh, address.nonceLow);
  }

  /** Marks a client as closing: it is not online from now on. */
  markClosing(client: ClientConnection): void {
    if (client.isClosing) return;
    client.isClosing = true;
    this.#closingCount += 1;
  }

  /** Removes a client. */
  remove(client: ClientConnection): void {
    if (!this.#partOf(client.connection).delete(client.connection)) return;
    this.#size -= 1;
    if (client.isClosing) this.#closingCount -= 1;
  }

  /** Every client that is connected and not closing. */
  *online(): IterableIterator<ClientConnection> {
    for (const client of this.all()) if (!client.isClosing && !client.isAway) yield client;
  }

  /** Every client, closing ones included. */
  *all(): IterableIterator<ClientConnection> {
    for (const part of this.#parts) yield* part.values();
  }

  /** The clients of one part, 0 to 63. */
  part(index: number): Iterable<ClientConnection> {
    return this.#partOf(index).values();
  }

  #partOf(connection: number): Map<number, ClientConnection> {
    return this.#parts[connection % TABLE_PARTS] as Map<number, ClientConnection>;
  }

  #nextConnection(): number {
    do this.#lastConnection = (this.#lastConnection + 1) % CLIENT_ID_FIELD_LIMIT;
    while (this.get(this.#lastConnection) !== undefined);
    return this.#lastConnection;
  }

  /** A random integer of 30 bits. */
  #nextRandom(): number {
    if (this.#randomOffset + 4 > this.#random.length) {
      this.#random = randomBytes(RANDOM_BYTES);
      this.#randomOffset = 0;
    }
    this.#randomOffset += 4;
    return this.#random.readUInt32BE(this.#randomOffset - 4) % CLIENT_ID_FIELD_LIMIT;
  }
}

/** The clients of this process, and the indexes over them. */
export interface ClientTables {
  readonly clients: ClientTable;
  /** Clients by uid, without closing ones. */
  readonly uids: MembershipIndex<ClientConnection>;
  /** Clients by group, without closing ones. */
  readonly groups: MembershipIndex<ClientConnection>;
}

/**
 * Marks a client as closing: nothing more is sent to it, and no query finds it. It keeps its uid, groups and session
 * until its socket has closed, because its worker still gets `onClose`.
 *
 * @returns false if it is closing already
 */
export function endClient(tables: ClientTables, client: ClientConnection): boolean {
  if (client.isClosing) return false;
  tables.clients.markClosing(client);
  if (client.uid !== undefined) {
    tables.uids.remove(client.uid, client);
    tables.clients.lastSeen.record(client.uid, client.awayMs);
  }
  for (const group of client.groups) tables.groups.remove(group, client);
  return true;
}

/** Removes a client whose socket has closed from every table. */
export function forgetClient(tables: ClientTables, client: ClientConnection): void {
  endClient(tables, client);
  tables.clients.remove(client);
}
