import { type FrameConnection, RequestTable } from '@gatewayworker/core';
import { type Message, writeClientDetached } from '@gatewayworker/protocol';
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
  /** Handshake requests that it has not answered. */
  readonly handshakes: RequestTable = new RequestTable();
  /** True when its application has `onHandshake`. */
  decidesHandshakes = false;
  /** True when its application decides about resumes. */
  decidesResumes = false;
  /** True when its unacknowledged events are redelivered to another worker after it dies. */
  redelivers = false;
  /** True when it drains: it gets no new events. */
  isDraining = false;
  /** True while its link is broken and may be resumed: it gets no new events. */
  isSuspended = false;
  /** True once WorkerDrained was sent. */
  isDrained = false;
  /**
   * Closed clients by connection: those with unacknowledged events if it redelivers, and those whose `onClose` is held
   * because it drains or is full.
   */
  readonly closedClients: Map<number, ClientConnection> = new Map();
  /** Events that it has not acknowledged. */
  eventsInFlight = 0;
  /** Bytes of the payloads of those events. */
  eventBytesInFlight = 0;
  /** Clients that are paused because the worker has too many events, in the order in which they resume. */
  readonly clientsPausedForLoad: Set<ClientConnection> = new Set();
  /** Clients that are paused because this link is full. */
  readonly #clientsPausedForRoom = new Set<ClientConnection>();

  constructor(connection: FrameConnection, hello: Message<'hello'>) {
    this.connection = connection;
    this.instanceId = hello.instanceId;
    this.name = hello.name;
    this.id = hello.id;
    // `InnerLinks` replaces it, because replies and interest updates wait for room too.
    connection.output.onDrain = () => this.resumeForRoom();
  }

  /** Number of its clients. */
  get connections(): number {
    return this.clients.size;
  }

  /** Removes a client that another worker gets, and its pauses because of this link. */
  release(client: ClientConnection): void {
    this.clients.delete(client);
    this.closedClients.delete(client.connection);
    if (this.#clientsPausedForRoom.delete(client)) client.resume(PauseReason.WorkerLinkFull);
    this.resumeForLoad(client);
    client.worker = undefined;
  }

  /** Releases a client, and tells the worker to forget it. */
  detach(client: ClientConnection): void {
    this.release(client);
    if (this.connection.isOpen) {
      writeClientDetached(this.connection.writer(), client.connection);
    }
  }

  /** Keeps a closed client whose `onClose` the worker has not received. */
  keepClosedClient(client: ClientConnection): void {
    this.clients.delete(client);
    this.closedClients.set(client.connection, client);
  }

  /**
   * Pauses a client until the link has room, if more than this number of bytes wait for the worker.
   *
   * @returns whether it is paused now and was not before
   */
  pauseIfLinkFull(client: ClientConnection, limit: number): boolean {
    const { output } = this.connection;
    if (output.pendingBytes <= limit) return false;
    // Flush first: if the kernel takes all of it, no drain event follows and a paused client would never resume.
    output.flush();
    return output.isBlocked && this.pauseForRoom(client);
  }

  /** Pauses a client until the link has room. Returns false if it was paused for this already. */
  pauseForRoom(client: ClientConnection): boolean {
    this.#clientsPausedForRoom.add(client);
    return client.pause(PauseReason.WorkerLinkFull);
  }

  /** Pauses a client until the worker has acknowledged events. Returns false if it was paused for this already. */
  pauseForLoad(client: ClientConnection): boolean {
    this.clientsPausedForLoad.add(client);
    if (client.held?.at(-1)?.kind === 'closed') this.keepClosedClient(client);
    return client.pause(PauseReason.WorkerBusy);
  }

  /** Resumes a client that was paused by `pauseForLoad`. */
  resumeForLoad(client: ClientConnection): void {
    if (this.clientsPausedForLoad.delete(client)) client.resume(PauseReason.WorkerBusy);
  }

  /** Resumes the clients that were paused by `pauseForRoom`. */
  resumeForRoom(): void {
    for (const client of this.#clientsPausedForRoom) client.resume(PauseReason.WorkerLinkFull);
    this.#clientsPausedForRoom.clear();
  }
}
