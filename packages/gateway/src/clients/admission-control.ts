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

/** What a client has from the moment it is let in. */
export interface AdmittedAs {
  /** The worker that let it in. */
  readonly worker: WorkerLink;
  readonly decision: HandshakeDecision;
}

/** What the admission control needs. */
export interface AdmissionControlOptions {
  readonly clients: ClientTable;
  /** Clients that the process takes. */
  readonly maxConnections: number;
  readonly routes: ClientRoutes;
  readonly limits: LimitCounters;
  readonly guard: Guard;
  readonly clientLog: ThrottledLog;
  /** Time a worker has to decide, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Port of the listener. */
  readonly port: () => number;
  /** False before the start and from the stop on. */
  readonly isAccepting: () => boolean;
  readonly onClient: (socket: ClientSocket, as: AdmittedAs | undefined) => ClientSocketHandler;
  /** A worker has decided about a handshake, or is not asked any more. */
  readonly onDecided: (worker: WorkerLink) => void;
}

/**
 * Decides which clients are let in: none whose path no route has, none without a worker of their route,
 * and none that the application refuses in `onHandshake`.
 */
export class AdmissionControl {
  readonly #options: AdmissionControlOptions;
  /** Handshakes that workers have not decided. */
  #asked = 0;
  /** One for all that nobody is asked about. */
  readonly #open: Admission;

  constructor(options: AdmissionControlOptions) {
    this.#options = options;
    this.#open = {
      isAccepted: true,
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
    else if (clients.size + this.#asked >= maxConnections) this.#refuseFull(decide);
    else if (candidate.request === undefined || !workers.decideHandshakes) decide(this.#open);
    else this.#choose(workers, candidate, decide);
  }

  #refuseUnknown(decide: (refusal: Refusal) => void): void {
    this.#options.limits.unknownPath += 1;
    decide(refuse(404, 'no route has this path'));
  }

  #refuseFull(decide: (refusal: Refusal) => void): void {
    this.#options.limits.connections += 1;
    decide(refuse(503, 'too many connections'));
  }

  #choose(
    workers: WorkerPool,
    candidate: ClientCandidate,
    decide: (decision: Admission | Refusal) => void,
  ): void {
    const worker = workers.choose(candidate);
    if (!worker?.decidesHandshakes) decide(this.#open);
    else {
      const refuseFailed = (): void => decide(refuse(500, 'internal error'));
      const { guard } = this.#options;
      guard.follow('worker decision', this.#ask(worker, candidate), decide, refuseFailed);
    }
  }

  async #ask(worker: WorkerLink, candidate: ClientCandidate): Promise<Admission | Refusal> {
    const { handshakeTimeoutMs, port, limits, clientLog, onClient } = this.#options;
    const { remoteAddress, remotePort, request } = candidate;
    this.#asked += 1;
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
      // The table of the link holds only what `InnerLinks` has read as such.
      const decision = (await answer) as HandshakeDecision;
      if (!this.#options.isAccepting()) return refuse(503, 'the server stops');
      if (!decision.isAccepted) return refuse(decision.status, decision.reason);
      const as = { worker, decision };
      return { isAccepted: true, onClient: (socket) => onClient(socket, as) };
    } catch (error) {
      if (!(error instanceof GatewayWorkerError)) throw error;
      const isLate = error.code === 'GW_ERR_QUERY_TIMEOUT';
      if (isLate) limits.handshakeTimeout += 1;
      const bound = { worker: `${worker.name}#${worker.id}`, remoteAddress };
      clientLog.warn(
        bound,
        isLate ? 'onHandshake took too long' : 'the worker was gone in onHandshake',
      );
      return refuse(503, isLate ? 'the decision took too long' : 'the worker is gone');
    } finally {
      this.#asked -= 1;
      this.#options.onDecided(worker);
    }
  }
}

function refuse(status: number, reason: string): Refusal {
  return { isAccepted: false, status, reason };
}
