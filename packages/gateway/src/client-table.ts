import { randomBytes, randomInt } from 'node:crypto';
import { CLIENT_ID_FIELD_LIMIT, type ConnectionAddress } from '@gatewayworker/protocol';
import { ClientConnection } from './client-connection.ts';
import type { ClientSocket } from './transports/transport.ts';

/** Random bytes fetched at a time: one call into the system's generator serves 512 clients. */
const RANDOM_BYTES = 4096;

/** The clients of this gateway process, by connection number. */
export class ClientTable {
  /** First field of the ids of its clients: random, so that a restarted process repeats none. */
  readonly gatewayToken: number = randomInt(1, CLIENT_ID_FIELD_LIMIT);
  readonly #clients = new Map<number, ClientConnection>();
  #lastConnection = 0;
  #random = Buffer.alloc(0);
  #randomOffset = 0;

  /** Number of clients. */
  get size(): number {
    return this.#clients.size;
  }

  /** Adds a client under a number that no other has. */
  add(socket: ClientSocket): ClientConnection {
    const address = {
      connection: this.#nextConnection(),
      nonceHigh: this.#nextRandom(),
      nonceLow: this.#nextRandom(),
    };
    const client = new ClientConnection(address, socket);
    this.#clients.set(client.connection, client);
    return client;
  }

  /** The client with this number. */
  get(connection: number): ClientConnection | undefined {
    return this.#clients.get(connection);
  }

  /** The client at this address; a guessed or stale address finds none. */
  find(connection: number, nonceHigh: number, nonceLow: number): ClientConnection | undefined {
    const client = this.#clients.get(connection);
    if (client?.nonceHigh !== nonceHigh || client.nonceLow !== nonceLow) return undefined;
    return client;
  }

  /** The client at this address; a guessed or stale address finds none. */
  at(address: ConnectionAddress): ClientConnection | undefined {
    return this.find(address.connection, address.nonceHigh, address.nonceLow);
  }

  /** Removes a client. */
  remove(client: ClientConnection): void {
    this.#clients.delete(client.connection);
  }

  /** Every client. */
  all(): IterableIterator<ClientConnection> {
    return this.#clients.values();
  }

  #nextConnection(): number {
    do this.#lastConnection = (this.#lastConnection + 1) % CLIENT_ID_FIELD_LIMIT;
    while (this.#clients.has(this.#lastConnection));
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
