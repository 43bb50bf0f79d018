import { type FrameConnection, RequestTable } from '@gatewayworker/core';
import { type Hello, writeClientDetached } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import { PauseReason } from '../clients/pause-reason.ts';
import type { RoutableWorker } from './worker-router.ts';

/** The link to one business worker, and the clients bound to it. */
export class WorkerLink implements RoutableWorker {
  readonly connection: FrameConnection;
  /** Random id of the worker process. */
  readonly instanceId: string;
  /** Name of its declaration. */
  readonly name: string;
  /** Number of its process within the declaration, from 0. */
  readonly id: number;
  /** Clients whose events it handles. */
  readonly clients: Set<ClientConnection> = new Set();
  /** Handshakes that it was asked about and has not decided. */
  readonly handshakes: RequestTable = new RequestTable();
  /** True when its application decides about handshakes. */
  decidesHandshakes = false;
  /** True when what it has not finished is given to another worker when it dies. */
  redelivers = false;
  /** True when it takes no new events, because it is to end. */
  isDraining = false;
  /** True while its link is broken and waits for it: it may be gone, so it gets no new events. */
  isSuspended = false;
  /** True when it was told that nothing of it is in flight any more. */
  isDrained = false;
  /**
   * Clients that are gone and have events that it has not finished, by connection: if it redelivers, and
   * those whose end waits because it drains or is full.
   */
  readonly closedClients: Map<number, ClientConnection> = new Map();
  /** Events that it was given and has not finished. */
  eventsInFlight = 0;
  /** Bytes of the payloads of those events. */
  eventBytesInFlight = 0;
  /** Clients that are not read from because the worker has too many events, in the order in which reading resumes. */
  readonly clientsPausedByLoad: Set<ClientConnection> = new Set();
  /** Clients that are not read from because this link is full. */
  readonly #clientsPausedForRoom = new Set<ClientConnection>();

  constructor(connection: FrameConnection, hello: Hello) {
    this.connection = connection;
    this.instanceId = hello.instanceId;
    this.name = hello.name;
    this.id = hello.id;
    // Who else waits for room on the link sets it anew.
    connection.output.onDrain = () => this.resumeForRoom();
  }

  /** Number of the clients whose events it handles. */
  get connections(): number {
    return this.clients.size;
  }

  /** Another worker gets this client: nothing of it waits for this link any more. */
  release(client: ClientConnection): void {
    this.clients.delete(client);
    this.closedClients.delete(client.connection);
    if (this.#clientsPausedForRoom.delete(client)) client.resume(PauseReason.WorkerLinkFull);
    this.resumeFromLoad(client);
    client.worker = undefined;
  }

  /** Hands a client over to another worker: this one forgets it. */
  detach(client: ClientConnection): void {
    this.release(client);
    if (this.connection.isOpen) {
      writeClientDetached(this.connection.writer(), client.connection);
    }
  }

  /** A client is gone, and the worker has not received its end yet. */
  keepClosedClient(client: ClientConnection): void {
    this.clients.delete(client);
    this.closedClients.set(client.connection, client);
  }

  /** Stops reading from a client until the link has room. Answers false when it had been told so before. */
  pauseForRoom(client: ClientConnection): boolean {
    this.#clientsPausedForRoom.add(client);
    return client.pause(PauseReason.WorkerLinkFull);
  }

  /** Stops reading from a client until the worker has handled events. Answers false when it had been told so before. */
  pauseForLoad(client: ClientConnection): boolean {
    this.clientsPausedByLoad.add(client);
    if (client.held?.at(-1)?.kind === 'closed') this.keepClosedClient(client);
    return client.pause(PauseReason.WorkerBusy);
  }

  /** Reads on from a client that waited for the worker to handle events. */
  resumeFromLoad(client: ClientConnection): void {
    if (this.clientsPausedByLoad.delete(client)) client.resume(PauseReason.WorkerBusy);
  }

  /** Reads on from the clients that waited for room on the link. */
  resumeForRoom(): void {
    for (const client of this.#clientsPausedForRoom) client.resume(PauseReason.WorkerLinkFull);
    this.#clientsPausedForRoom.clear();
  }
}
