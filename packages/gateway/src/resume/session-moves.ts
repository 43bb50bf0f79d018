import { setTimeout as sleep } from 'node:timers/promises';
import type { Resume } from '@gatewayworker/client-protocol';
import {
  type ClientId,
  CloseCode,
  type Message,
  parseClientId,
  type SessionState,
  writeGroupChange,
} from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import { type ClientEventsContext, ResumableClientEvents } from '../clients/client-events.ts';
import { forgetClient } from '../clients/client-table.ts';
import type { GatewayState } from '../gateway-state.ts';
import type { EventDispatcher } from '../workers/event-dispatcher.ts';
import type { WorkerLink } from '../workers/worker-link.ts';
import type { CallerLane, LaneTable } from './lane-table.ts';
import type { ResumableContext } from './resumable-context.ts';
import { ResumableSocket } from './resumable-socket.ts';
import { SECRET_BYTES } from './resume-secret.ts';

/** Longest wait for the workers that are asked for a session, in milliseconds. */
const CLAIM_TIMEOUT_MS = 5000;

/** Further attempts to find a session. */
const CLAIM_RETRIES = 3;

/** Time between two attempts, in milliseconds. */
const CLAIM_RETRY_MS = 100;

/** Time after the start of a gateway in which workers may not have found it yet, in milliseconds. */
const SYNC_MS = 1000;

const noSecret = new Uint8Array();

/** The session that a worker has found, or why there is none. */
export type ClaimedSession =
  | { readonly state: SessionState; readonly worker: WorkerLink }
  | { readonly reason: 'unknown' | 'secret' };

/** A claim that not all workers have answered. */
interface PendingClaim {
  readonly waitingFor: Set<WorkerLink>;
  reason: 'unknown' | 'secret';
  readonly resolve: (session: ClaimedSession) => void;
  readonly timer: NodeJS.Timeout;
}

/** Dependencies. */
export interface SessionMovesOptions {
  readonly state: GatewayState;
  readonly lanes: LaneTable;
  readonly dispatcher: EventDispatcher;
  readonly clientEvents: ClientEventsContext;
  readonly socketContext: () => ResumableContext;
}

/**
 * Moves sessions between gateways. Gateways have no links to each other, so a session moves by way of its worker, which
 * stays the same.
 */
export class SessionMoves {
  readonly #options: SessionMovesOptions;
  readonly #workers = new Set<WorkerLink>();
  readonly #claims = new Map<number, PendingClaim>();
  /** The clients that have come from another gateway, by their id. */
  readonly #moved = new Map<string, ClientConnection>();
  readonly #startedAt = performance.now();
  #lastId = 0;

  constructor(options: SessionMovesOptions) {
    this.#options = options;
  }

  addWorker(worker: WorkerLink): void {
    this.#workers.add(worker);
  }

  removeWorker(worker: WorkerLink): void {
    this.#workers.delete(worker);
    for (const [requestId, claim] of this.#claims) this.#settle(requestId, claim, worker);
  }

  /** Tells a newly linked process where the clients from other gateways are. */
  announceTo({ connection }: CallerLane): void {
    for (const [clientId, { connection: number, nonceHigh, nonceLow }] of this.#moved) {
      connection.send({ type: 'aliasAdded', clientId, connection: number, nonceHigh, nonceLow });
    }
  }

  /** Finds a client of this gateway by its id. */
  find(clientId: string): ClientConnection | undefined {
    const moved = this.#moved.get(clientId);
    if (moved !== undefined) return moved;
    const { clients } = this.#options.state;
    const address = parseClientId(clientId);
    if (address?.gatewayToken !== clients.gatewayToken) return undefined;
    const client = clients.at(address);
    return client?.publicId === undefined ? client : undefined;
  }

  /** Requests a session from the worker that has it. */
  async claim(resume: Resume): Promise<ClaimedSession> {
    // No worker has a session with another form of id, and its frame would be malformed.
    if (parseClientId(resume.clientId) === undefined) return { reason: 'unknown' };
    const startedAt = performance.now();
    const isYoung = (): boolean => performance.now() - this.#startedAt < SYNC_MS;
    let session = await this.#claimOnce(resume);
    for (let left = CLAIM_RETRIES; isUnknown(session) && (left > 0 || isYoung()); left -= 1) {
      // A worker that does not answer delays the client once.
      if (performance.now() - startedAt >= CLAIM_TIMEOUT_MS) break;
      // Between two workers, a session is at neither of them for a moment.
      await sleep(CLAIM_RETRY_MS);
      session = await this.#claimOnce(resume);
    }
    return session;
  }

  async #claimOnce({ clientId, secret }: Resume): Promise<ClaimedSession> {
    // Also workers whose link is broken: it is resumed soon, for example after a handover.
    const workers = [...this.#workers];
    if (workers.length === 0) return { reason: 'unknown' };
    // A secret of another length is wrong: the workers need not get it.
    const claimed = secret.length === SECRET_BYTES ? secret : noSecret;
    this.#lastId = (this.#lastId + 1) % 0x1_0000_0000;
    const requestId = this.#lastId;
    return await new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(requestId), CLAIM_TIMEOUT_MS);
      const waitingFor = new Set(workers);
      this.#claims.set(requestId, { waitingFor, reason: 'unknown', resolve, timer });
      for (const { connection } of workers) {
        connection.send({ type: 'sessionClaim', requestId, clientId, secret: claimed });
      }
    });
  }

  /** Handles SessionFound. */
  handleFound(message: Message<'sessionFound'>, worker: WorkerLink): void {
    const { requestId, isKnown, state } = message;
    const claim = this.#claims.get(requestId);
    if (claim === undefined) return;
    if (state !== undefined) {
      this.#claims.delete(requestId);
      clearTimeout(claim.timer);
      claim.resolve({ state, worker });
      return;
    }
    if (isKnown) claim.reason = 'secret';
    this.#settle(requestId, claim, worker);
  }

  /** Handles SessionRelease: sends the session to the worker, and forgets the client. */
  handleRelease(message: Message<'sessionRelease'>, worker: WorkerLink): void {
    const { requestId, connection, secret } = message;
    const client = this.#options.state.clients.at(message);
    const resumable = client?.isClosing === false ? client.resumable : undefined;
    const isAllowed = secret.length === 0 || resumable?.allows(secret) === true;
    if (client === undefined || resumable === undefined || !isAllowed) {
      if (requestId !== 0) {
        worker.connection.send({
          type: 'sessionReleased',
          requestId,
          connection,
          state: undefined,
        });
      }
      return;
    }
    const state = this.#export(client);
    if (requestId !== 0) {
      worker.connection.send({ type: 'sessionReleased', requestId, connection, state });
    }
    this.#forget(client, CloseCode.Moved);
  }

  /** Handles SessionPark: keeps the session of a gateway that is gone. */
  handlePark({ state }: Message<'sessionPark'>, worker: WorkerLink): void {
    const socket = this.adopt(state, worker);
    if (!state.isParked) socket.reportDrop();
  }

  /** Adds a client from another gateway, parked, and attaches it to its worker. */
  adopt(state: SessionState, worker: WorkerLink): ResumableSocket {
    const { info, uid, session, isParked, awayMs } = state;
    const { dispatcher, clientEvents, socketContext, ...options } = this.#options;
    const tables = options.state;
    const before = this.find(info.clientId);
    if (before !== undefined) this.#forget(before, CloseCode.Moved);
    const socket = new ResumableSocket(infoOf(state), socketContext());
    const client = tables.clients.add(socket);
    client.publicId = info.clientId as ClientId;
    client.session.adopt(session === undefined ? undefined : Buffer.from(session));
    client.uid = uid;
    if (uid !== undefined) tables.uids.add(uid, client);
    for (const { group } of info.groups) {
      client.addGroup(group);
      tables.groups.add(group, client);
    }
    const events = new ResumableClientEvents(client, clientEvents);
    socket.restore(client, events, { info, inFlight: [], isParked, awayMs });
    this.#moved.set(info.clientId, client);
    const { connection, nonceHigh, nonceLow } = client;
    for (const lane of this.#options.lanes.all) {
      const alias = { clientId: info.clientId, connection, nonceHigh, nonceLow };
      lane.connection.send({ type: 'aliasAdded', ...alias });
    }
    dispatcher.attach(client, worker);
    return socket;
  }

  /** Gives every session that has a worker back to it, because this gateway stops. */
  giveBackAll(): void {
    for (const client of [...this.#options.state.clients.all()]) {
      const { worker, connection, resumable, isClosing } = client;
      if (resumable === undefined || isClosing || worker?.connection.isOpen !== true) continue;
      const state = this.#export(client);
      if (state === undefined) continue;
      worker.connection.send({ type: 'sessionReleased', requestId: 0, connection, state });
      this.#forget(client, CloseCode.ServiceRestart);
    }
  }

  /** Handles the end of a session at this gateway. */
  handleGone(client: ClientConnection): void {
    const { publicId, connection } = client;
    if (publicId === undefined || this.#moved.get(publicId) !== client) return;
    this.#moved.delete(publicId);
    for (const lane of this.#options.lanes.all) {
      lane.connection.send({ type: 'aliasRemoved', clientId: publicId, connection });
    }
  }

  #export(client: ClientConnection): SessionState | undefined {
    const record = client.resumable?.export();
    if (record === undefined) return undefined;
    const { remoteAddress, remotePort, listenPort, packedRequest } = client.socket;
    return {
      info: record.info,
      uid: client.uid,
      session: client.session.packed,
      request: packedRequest,
      remoteAddress,
      remotePort,
      gatewayPort: listenPort,
      isParked: record.isParked,
      awayMs: record.awayMs,
    };
  }

  #forget(client: ClientConnection, code: number): void {
    client.resumable?.leave(code);
    forgetClient(this.#options.state, client);
    this.#options.dispatcher.suppressEvents(client);
  }

  #settle(requestId: number, claim: PendingClaim, worker: WorkerLink): void {
    claim.waitingFor.delete(worker);
    if (claim.waitingFor.size === 0) this.#end(requestId);
  }

  #end(requestId: number): void {
    const claim = this.#claims.get(requestId);
    if (claim === undefined) return;
    this.#claims.delete(requestId);
    clearTimeout(claim.timer);
    claim.resolve({ reason: claim.reason });
  }
}

function isUnknown(session: ClaimedSession): boolean {
  return 'reason' in session && session.reason === 'unknown';
}

/** Tells the worker of a client that the client has joined a group, or left it. */
export function sendGroupChange(
  client: ClientConnection | undefined,
  group: string,
  isMember: boolean,
): void {
  const connection = client?.worker?.connection;
  if (client === undefined || connection?.isOpen !== true) return;
  writeGroupChange(connection.writer(), client.connection, { group, isMember });
}

function infoOf({ remoteAddress, remotePort, gatewayPort, request }: SessionState): {
  remoteAddress: string;
  remotePort: number;
  listenPort: number;
  packedRequest: Buffer | undefined;
} {
  const packedRequest = request && Buffer.from(request);
  return { remoteAddress, remotePort, listenPort: gatewayPort, packedRequest };
}
