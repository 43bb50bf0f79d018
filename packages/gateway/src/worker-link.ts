import type { FrameConnection } from '@gatewayworker/core';
import type { Hello } from '@gatewayworker/protocol';
import { type ClientConnection, PauseReason } from './client-connection.ts';

/** The link to one business worker, and the clients bound to it. */
export class WorkerLink {
  readonly connection: FrameConnection;
  /** Random id of the worker process. */
  readonly instanceId: string;
  /** Name of its declaration. */
  readonly name: string;
  /** Number of its process within the declaration, from 0. */
  readonly id: number;
  /** Clients whose events it handles. */
  readonly clients: Set<ClientConnection> = new Set();
  /** Events that it was given and has not finished. */
  eventsInFlight = 0;
  /** Clients that are not read from because this link is full. */
  readonly #waitingClients = new Set<ClientConnection>();

  constructor(connection: FrameConnection, hello: Hello) {
    this.connection = connection;
    this.instanceId = hello.instanceId;
    this.name = hello.name;
    this.id = hello.id;
    connection.output.onDrain = () => this.resumeClients();
  }

  /** Stops reading from a client until the link has room. */
  pauseClient(client: ClientConnection): void {
    this.#waitingClients.add(client);
    client.pause(PauseReason.WorkerLinkFull);
  }

  /** Reads on from the clients that waited for room on the link. */
  resumeClients(): void {
    for (const client of this.#waitingClients) client.resume(PauseReason.WorkerLinkFull);
    this.#waitingClients.clear();
  }
}
