import type { ThrottledLog } from '@gatewayworker/core';
import { type ClientId, type ConnectionAddress, formatClientId } from '@gatewayworker/protocol';
import type { ClientRoute } from '../routes/client-route.ts';
import { SessionStore } from '../subscriptions/session-store.ts';
import type { ClientSocket } from '../transports/transport.ts';
import type { ClientEvent } from '../workers/client-event.ts';
import type { WorkerLink } from '../workers/worker-link.ts';
import type { PauseReason } from './pause-reason.ts';

const noGroups: ReadonlySet<string> = new Set();

/** Everything the gateway knows of one client. An idle client holds no queue and no timer. */
export class ClientConnection implements ConnectionAddress {
  readonly connection: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
  /** Another one, once its connection has moved to this process. */
  socket: ClientSocket;
  readonly session: SessionStore = new SessionStore();
  uid: string | undefined;
  /** Where it finds its workers, shared with its like; `undefined` until the first event of it. */
  route: ClientRoute | undefined;
  /** The worker that handles its events. */
  worker: WorkerLink | undefined;
  /** Changes of the session that its worker has made since it has the client. */
  appliedChanges = 0;
  /** Changes of the uid that its worker has made since it has the client. */
  appliedUidChanges = 0;
  /** Events that were handed to the worker, or are held, and are not handled. */
  eventsInFlight = 0;
  /** Bytes of the payloads of those events. */
  eventBytesInFlight = 0;
  /** Events that wait for a worker, or for its worker to finish and hand over to another one, in order. */
  held: ClientEvent[] | undefined;
  /** Events that its worker has not finished, in order, when another is to get them should it die. */
  unacknowledged: ClientEvent[] | undefined;
  /** True from the moment that its end is decided: nothing is sent to it any more. */
  isClosing = false;
  /** True when the application has had its end: nothing more is told of it. */
  isSuppressed = false;
  /** Bytes that had come from it when the heartbeat looked last. */
  seenBytes = -1;
  /** How often in a row the heartbeat found that nothing had come. */
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

  /** The id by which applications know it. It is not kept: most clients are never asked for it. */
  clientId(gatewayToken: number): ClientId {
    const { connection, nonceHigh, nonceLow } = this;
    return formatClientId({ gatewayToken, connection, nonceHigh, nonceLow });
  }

  addGroup(group: string): void {
    this.#groups ??= new Set();
    this.#groups.add(group);
  }

  removeGroup(group: string): void {
    this.#groups?.delete(group);
    if (this.#groups?.size === 0) this.#groups = undefined;
  }

  /** True while the gateway does not read from it. */
  get isPaused(): boolean {
    return this.#pauseReasons !== 0;
  }

  /** The reasons that hold, as a sum. */
  get pauseReasons(): number {
    return this.#pauseReasons;
  }

  /** Takes the reasons of another process, whose socket is paused already if there are any. */
  restorePause(reasons: number): void {
    this.#pauseReasons = reasons;
  }

  /** Stops reading from it for a reason. Answers false when that reason held before. */
  pause(reason: PauseReason): boolean {
    if ((this.#pauseReasons & reason) !== 0) return false;
    // From one that is closing, its answer to the close must still be read.
    if (this.#pauseReasons === 0 && !this.isClosing) this.socket.setPaused(true);
    this.#pauseReasons |= reason;
    return true;
  }

  /** Takes a reason away; reading goes on when it was the last. */
  resume(reason: PauseReason): void {
    if ((this.#pauseReasons & reason) === 0) return;
    this.#pauseReasons &= ~reason;
    if (this.#pauseReasons === 0 && !this.isClosing) this.socket.setPaused(false);
  }
}

/** A message as an event; its payload is copied, because the bytes are the socket's. */
export function keepMessage(payload: Buffer, isBinary: boolean): ClientEvent {
  return { kind: 'message', payload: Buffer.from(payload), isBinary, attempts: 0 };
}

/** Keeps an event until the worker has finished it. */
export function keepUnacknowledged(client: ClientConnection, event: ClientEvent): void {
  client.unacknowledged ??= [];
  client.unacknowledged.push(event);
}

/** Delivery attempts before an event is dropped, because workers die of it. */
const MAX_ATTEMPTS = 3;

/** Takes the events that a worker had not finished when it died, but for those that are dropped. */
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
      log.error(bound, 'event dropped: workers die of it');
    }
  }
  return kept;
}
