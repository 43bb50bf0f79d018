import { ClosedBy } from '@gatewayworker/protocol';
import { ClientConnection } from '../clients/client-connection.ts';
import { ClientEvents } from '../clients/client-events.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type {
  Admission,
  ClientCandidate,
  ClientClosure,
  Refusal,
} from '../transports/transport.ts';
import type { ClientMover } from './client-mover.ts';
import type { HandoverLink } from './handover-link.ts';
import type { PredecessorMessage, SuccessorMessage } from './handover-messages.ts';

type Decide = (decision: Admission | Refusal) => void;

/** Lets the successor decide about clients whose handshake ends in the predecessor. */
export class CandidateRelay {
  readonly #parts: GatewayParts;
  readonly #link: HandoverLink<PredecessorMessage, SuccessorMessage>;
  readonly #mover: ClientMover;
  /** Port of the listener, which knows it only while it listens. */
  readonly #listenPort: number;
  readonly #pending = new Map<number, Decide>();
  #lastRequest = 0;

  constructor(
    parts: GatewayParts,
    link: HandoverLink<PredecessorMessage, SuccessorMessage>,
    mover: ClientMover,
  ) {
    this.#parts = parts;
    this.#link = link;
    this.#mover = mover;
    this.#listenPort = parts.transport.port;
  }

  /** Number of candidates without a decision. */
  get size(): number {
    return this.#pending.size;
  }

  /** See `TransportHandler.admit`. */
  admit({ remoteAddress, remotePort, request: handshake }: ClientCandidate, decide: Decide): void {
    if (!this.#link.isOpen) {
      decide(noSuccessor);
      return;
    }
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    this.#pending.set(request, decide);
    const listenPort = this.#listenPort;
    const candidate = { request, remoteAddress, remotePort, handshake, listenPort };
    this.#link.send({ type: 'candidate', candidate });
  }

  /** Admits a candidate that the successor has accepted. */
  accept(message: Extract<SuccessorMessage, { type: 'decision' }>): void {
    const { state, clientEvents } = this.#parts;
    let isConnected = false;
    this.#take(message.request)?.({
      isAccepted: true,
      isIdentified: false,
      uid: undefined,
      onClient: (socket) => {
        isConnected = true;
        const client = state.clients.restore(new ClientConnection(message, socket));
        this.#mover.add(client);
        return new ClientEvents(client, clientEvents);
      },
    });
    if (!isConnected) {
      this.#link.send({ type: 'closed', connection: message.connection, closure: disconnected });
    }
  }

  /** Refuses a candidate that the successor has refused. */
  refuse({ request, status, reason }: Extract<SuccessorMessage, { type: 'refusal' }>): void {
    this.#take(request)?.({ isAccepted: false, status, reason });
  }

  /** Refuses all candidates; called when the successor is lost. */
  close(): void {
    for (const decide of this.#pending.values()) decide(noSuccessor);
    this.#pending.clear();
  }

  #take(request: number): Decide | undefined {
    const decide = this.#pending.get(request);
    this.#pending.delete(request);
    return decide;
  }
}

/** Closure of a client that disconnected before its admission. */
const disconnected: ClientClosure = { by: ClosedBy.Client, code: undefined, reason: undefined };

const noSuccessor: Refusal = { isAccepted: false, status: 503, reason: 'the server stops' };
