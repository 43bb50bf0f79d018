import { randomBytes, randomInt } from 'node:crypto';
import { CLIENT_ID_FIELD_LIMIT, type ConnectionAddress } from '@gatewayworker/protocol';
import type { MembershipIndex } from '../subscriptions/membership-index.ts';
import type { ClientSocket } from '../transports/transport.ts';
import { ClientConnection } from './client-connection.ts';

/** Random bytes fetched at a time: one call into the system's generator serves 512 clients. */
const RANDOM_BYTES = 4096;

/** Parts of the table. Work on every client is done part by part, so that no turn does all of it. */
export const TABLE_PARTS = 64;

/** The clients of this gateway process, by connection number. */
export class ClientTable {
  /** First field of the ids of its clients: random, so that a restarted process repeats none. */
  readonly gatewayToken: number;
  readonly #parts = Array.from({ length: TABLE_PARTS }, () => new Map<number, ClientConnection>());
  #size = 0;
  #hiddenSize = 0;
  #lastConnection = 0;
  #random = Buffer.alloc(0);
  #randomOffset = 0;

  /** @param gatewayToken - of the process that this one succeeds: the ids of its clients stay valid */
  constructor(gatewayToken: number = randomInt(1, CLIENT_ID_FIELD_LIMIT)) {
    this.gatewayToken = gatewayToken;
  }

  /** Number of the last client that has come. */
  get lastConnection(): number {
    return this.#lastConnection;
  }

  /** Gives numbers behind those of the process that this one succeeds. */
  continueFrom(lastConnection: number): void {
    this.#lastConnection = lastConnection;
  }

  /** Number of clients, those whose end is decided included. */
  get size(): number {
    return this.#size;
  }

  /** Number of clients whose end is not decided. */
  get onlineCount(): number {
    return this.#size - this.#hiddenSize;
  }

  /** Adds a client under a number that no other has. */
  add(socket: ClientSocket): ClientConnection {
    const address = {
      connection: this.#nextConnection(),
      nonceHigh: this.#nextRandom(),
      nonceLow: this.#nextRandom(),
    };
    return this.restore(new ClientConnection(address, socket));
  }

  /** Adds a client that has its number. */
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

  /** Leaves a client whose end is decided out of those that are online. */
  hide(client: ClientConnection): void {
    if (client.isClosing) return;
    client.isClosing = true;
    this.#hiddenSize += 1;
  }

  /** Removes a client. */
  remove(client: ClientConnection): void {
    if (!this.#partOf(client.connection).delete(client.connection)) return;
    this.#size -= 1;
    if (client.isClosing) this.#hiddenSize -= 1;
  }

  /** Every client whose end is not decided. */
  *online(): IterableIterator<ClientConnection> {
    for (const client of this.all()) if (!client.isClosing) yield client;
  }

  /** Every client, those whose end is decided included. */
  *all(): IterableIterator<ClientConnection> {
    for (const part of this.#parts) yield* part.values();
  }

  /** The clients of one part, which is 0 to 63. */
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

/** The clients of this process, and where they are found. */
export interface ClientTables {
  readonly clients: ClientTable;
  /** Clients by uid, those whose end is decided left out. */
  readonly uids: MembershipIndex<ClientConnection>;
  /** Clients by group, those whose end is decided left out. */
  readonly groups: MembershipIndex<ClientConnection>;
}

/**
 * Decides the end of a client: from now on nothing is sent to it and no query finds it. It keeps its uid,
 * groups and session until its socket has closed, for the worker that is to have its end.
 *
 * @returns false when that was decided before
 */
export function endClient(tables: ClientTables, client: ClientConnection): boolean {
  if (client.isClosing) return false;
  tables.clients.hide(client);
  if (client.uid !== undefined) tables.uids.remove(client.uid, client);
  for (const group of client.groups) tables.groups.remove(group, client);
  return true;
}

/** Takes a client whose socket has closed out of every table. */
export function forgetClient(tables: ClientTables, client: ClientConnection): void {
  endClient(tables, client);
  tables.clients.remove(client);
}
