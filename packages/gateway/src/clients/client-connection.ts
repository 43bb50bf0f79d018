import type { ThrottledLog } from '@gatewayworker/core';
import { type ClientId, type ConnectionAddress, formatClientId } from '@gatewayworker/protocol';
import type { ResumableSocket } from '../resume/resumable-socket.ts';
import type { ClientRoute } from '../routes/client-route.ts';
import { SessionStore } from '../subscriptions/session-store.ts';
import type { ClientSocket } from '../transports/transport.ts';
import type { ClientEvent } from '../workers/client-event.ts';
import type { WorkerLink } from '../workers/worker-link.ts';
import type { PauseReason } from './pause-reason.ts';

const noGroups: ReadonlySet<string> = new Set();

/** State of one client. An idle client has no queue and no timer. */
export class ClientConnection implements ConnectionAddress {
  readonly connection: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
  /** Replaced when the connection moves to this process. */
  socket: ClientSocket;
  readonly session: SessionStore = new SessionStore();
  uid: string | undefined;
  /** Its id, if it has come from another gateway: such an id has the token of that gateway. */
  publicId: ClientId | undefined;
  /** The socket, if the client can resume; `undefined` for a raw client. */
  resumable: ResumableSocket | undefined;
  /** Route that leads to its workers, shared with other clients; `undefined` until its first event. */
  route: ClientRoute | undefined;
  /** The worker that handles its events. */
  worker: WorkerLink | undefined;
  /** Session changes by its worker since the client was attached to it. */
  appliedChanges = 0;
  /** Uid changes by its worker since the client was attached to it. */
  appliedUidChanges = 0;
  /** Events that are held, or that the worker has not acknowledged. */
  eventsInFlight = 0;
  /** Bytes of the payloads of those events. */
  eventBytesInFlight = 0;
  /** Events that wait for a worker, or for a draining or full one, in order. */
  held: ClientEvent[] | undefined;
  /** Copies of the events that its worker has not acknowledged, in order, if its workers redeliver. */
  unacknowledged: ClientEvent[] | undefined;
  /** True once the gateway or the client has begun to close it: nothing more is sent to it. */
  isClosing = false;
  /** True once the application knows that it ended: workers get no further events of it. */
  isSuppressed = false;
  /** Bytes received from it at the last heartbeat check. */
  seenBytes = -1;
  /** Heartbeat checks in a row that found no new bytes. */
  silentBeats = 0;
  #groups: Set<string> | undefined;
  #pauseReasons = 0;

  constructor(address: ConnectionAddress, socket: ClientSocket) {
    this.connection = address.connection;
    this.nonceHigh = address.nonceHigh;
    this.nonceLow = address.nonceLow;
    this.socket = socket;
  }

  /** Names of the groups it is in. */
  get groups(): ReadonlySet<string> {
    return this.#groups ?? noGroups;
  }

  /** True while it is parked: it has no connection and can resume. */
  get isAway(): boolean {
    return this.resumable?.isParked === true;
  }

  /** Time for which it has no connection, in milliseconds; 0 while it is connected, and for a raw client. */
  get awayMs(): number {
    return this.resumable?.awayMs ?? 0;
  }

  /** The id that applications see. It is formatted on demand, because most clients never need it. */
  clientId(gatewayToken: number): ClientId {
    if (this.publicId !== undefined) return this.publicId;
    const { connection, nonceHigh, nonceLow } = this;
    return formatClientId({ gatewayToken, connection, nonceHigh, nonceLow });
  }

  addGroup(group: string): void {
    this.#groups ??= new Set();
    this.#groups.add(group);
    this.resumable?.recordJoin(group);
  }

  removeGroup(group: string): void {
    this.#groups?.delete(group);
    this.resumable?.recordLeave(group);
    if (this.#groups?.size === 0) this.#groups = undefined;
  }

  /** True while the gateway does not read from it. */
  get isPaused(): boolean {
    return this.#pauseReasons !== 0;
  }

  /** Active reasons, as a bit set. */
  get pauseReasons(): number {
    return this.#pauseReasons;
  }

  /** Restores the reasons of the predecessor; if there are any, the socket is paused already. */
  restorePause(reasons: number): void {
    this.#pauseReasons = reasons;
  }

  /** Stops reading from it for a reason. Returns false if that reason was active already. */
  pause(reason: PauseReason): boolean {
    if ((this.#pauseReasons & reason) !== 0) return false;
    // A closing client must still be read from, for its answer to the close frame.
    if (this.#pauseReasons === 0 && !this.isClosing) this.socket.setPaused(true);
    this.#pauseReasons |= reason;
    return true;
  }

  /** Removes a reason. Reading resumes after the last one is removed. */
  resume(reason: PauseReason): void {
    if ((this.#pauseReasons & reason) === 0) return;
    this.#pauseReasons &= ~reason;
    if (this.#pauseReasons === 0 && !this.isClosing) this.socket.setPaused(false);
  }
}

/** Makes an event of a message, `source[start, end)`. It is copied, because the socket reuses its buffer. */
export function keepMessage(
  source: Buffer,
  start: number,
  end: number,
  { isBinary, number }: { readonly isBinary: boolean; readonly number: number },
): ClientEvent {
  const payload = Buffer.from(source.subarray(start, end));
  return { kind: 'message', payload, isBinary, number, attempts: 0 };
}

/** Keeps an event until the worker acknowledges it. */
export function keepUnacknowledged(client: ClientConnection, event: ClientEvent): void {
  client.unacknowledged ??= [];
  client.unacknowledged.push(event);
}

/** Delivery attempts before an event is dropped as poison. */
const MAX_ATTEMPTS = 3;

/** Takes the unacknowledged events of a dead worker, and drops those with too many attempts. */
export function takeUnacknowledged(client: ClientConnection, log: ThrottledLog): ClientEvent[] {
  const { unacknowledged = [] } = client;
  client.unacknowledged = undefined;
  const kept: ClientEvent[] = [];
  for (const event of unacknowledged) {
    const attempts = event.attempts + 1;
    if (attempts < MAX_ATTEMPTS) {
      kept.push({ ...event, attempts });
    } else {
      const bound = { connection: client.connection, event: event.kind, attempts };
      log.error(bound, 'poison event dropped');
    }
  }
  return kept;
}
