import { GatewayWorkerError, type Guard, type ThrottledLog, toError } from '@gatewayworker/core';
import { type HandshakeDecision, packValue } from '@gatewayworker/protocol';
import type { ClientRoutes } from '../routes/client-routes.ts';
import type {
  Admission,
  ClientCandidate,
  ClientSocket,
  ClientSocketHandler,
  Refusal,
} from '../transports/transport.ts';
import type { WorkerLink } from '../workers/worker-link.ts';
import type { WorkerPool } from '../workers/worker-pool.ts';
import type { ClientTable } from './client-table.ts';
import type { LimitCounters } from './limit-counters.ts';

/** The worker that accepted a handshake, and the values that it assigned to the client. */
export interface AdmittedAs {
  /** The worker that decided. */
  readonly worker: WorkerLink;
  readonly decision: HandshakeDecision;
}

/** Dependencies and limits of the admission control. */
export interface AdmissionControlOptions {
  readonly clients: ClientTable;
  /** Clients that the process accepts. */
  readonly maxConnections: number;
  readonly routes: ClientRoutes;
  readonly limits: LimitCounters;
  readonly guard: Guard;
  readonly clientLog: ThrottledLog;
  /** Time a worker has to decide, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Port of the listener. */
  readonly port: () => number;
  /** False until the gateway has started, and once it stops. */
  readonly isAccepting: () => boolean;
  readonly onClient: (socket: ClientSocket, as: AdmittedAs | undefined) => ClientSocketHandler;
  /** Called when a worker has answered a handshake request, or the request has failed. */
  readonly onDecided: (worker: WorkerLink) => void;
}

/**
 * Decides which clients are admitted. It refuses a client whose path has no route, whose route has no worker, or that
 * the application refuses in `onHandshake`.
 */
export class AdmissionControl {
  readonly #options: AdmissionControlOptions;
  /** Handshake requests that workers have not answered. They count towards `maxConnections`. */
  #pendingRequests = 0;
  /** Admission of every client that no worker decides about. */
  readonly #defaultAdmission: Admission;

  constructor(options: AdmissionControlOptions) {
    this.#options = options;
    this.#defaultAdmission = {
      isAccepted: true,
      isIdentified: false,
      uid: undefined,
      onClient: (socket) => options.onClient(socket, undefined),
    };
  }

  /** See `TransportHandler.admit`. */
  admit(candidate: ClientCandidate, decide: (decision: Admission | Refusal) => void): void {
    const { routes, clients, maxConnections, isAccepting } = this.#options;
    const { workers, isOpen } = routes.find(candidate);
    if (!isAccepting()) decide(refuse(503, 'the server stops'));
    else if (!isOpen) this.#refuseUnknown(decide);
    else if (workers.size === 0) decide(refuse(503, 'no worker is ready'));
    else if (clients.size + this.#pendingRequests >= maxConnections) this.#refuseFull(decide);
    else if (candidate.request === undefined || !workers.decideHandshakes) {
      decide(this.#defaultAdmission);
    } else this.#chooseWorker(workers, candidate, decide);
  }

  #refuseUnknown(decide: (refusal: Refusal) => void): void {
    this.#options.limits.unknownPath += 1;
    decide(refuse(404, 'no route has this path'));
  }

  #refuseFull(decide: (refusal: Refusal) => void): void {
    this.#options.limits.connections += 1;
    decide(refuse(503, 'too many connections'));
  }

  #chooseWorker(
    workers: WorkerPool,
    candidate: ClientCandidate,
    decide: (decision: Admission | Refusal) => void,
  ): void {
    const worker = workers.choose(candidate);
    if (!worker?.decidesHandshakes) decide(this.#defaultAdmission);
    else {
      const refuseFailed = (): void => decide(refuse(500, 'internal error'));
      const { guard } = this.#options;
      guard.follow(
        'worker decision',
        this.#requestDecision(worker, candidate),
        decide,
        refuseFailed,
      );
    }
  }

  async #requestDecision(
    worker: WorkerLink,
    candidate: ClientCandidate,
  ): Promise<Admission | Refusal> {
    const { handshakeTimeoutMs, port, limits, clientLog, onClient } = this.#options;
    const { remoteAddress, remotePort, request } = candidate;
    this.#pendingRequests += 1;
    const { requestId, answer } = worker.handshakes.add(handshakeTimeoutMs);
    try {
      worker.connection.send({
        type: 'handshakeRequest',
        requestId,
        remoteAddress,
        remotePort,
        gatewayPort: port(),
        request: packValue(request),
      });
    } catch (error) {
      worker.handshakes.reject(requestId, toError(error));
    }
    try {
      // `InnerLinks` resolves these requests with checked decisions only.
      const decision = (await answer) as HandshakeDecision;
      if (!this.#options.isAccepting()) return refuse(503, 'the server stops');
      if (!decision.isAccepted) return refuse(decision.status, decision.reason);
      const as = { worker, decision };
      return {
        isAccepted: true,
        isIdentified: true,
        uid: decision.uid,
        onClient: (socket) => onClient(socket, as),
      };
    } catch (error) {
      if (!(error instanceof GatewayWorkerError)) throw error;
      const isLate = error.code === 'GW_ERR_QUERY_TIMEOUT';
      if (isLate) limits.handshakeTimeout += 1;
      const bound = { worker: `${worker.name}#${worker.id}`, remoteAddress };
      clientLog.warn(
        bound,
        isLate ? 'onHandshake timed out' : 'worker link closed during onHandshake',
      );
      return refuse(503, isLate ? 'the decision took too long' : 'the worker is gone');
    } finally {
      this.#pendingRequests -= 1;
      this.#options.onDecided(worker);
    }
  }
}

function refuse(status: number, reason: string): Refusal {
  return { isAccepted: false, status, reason };
}
