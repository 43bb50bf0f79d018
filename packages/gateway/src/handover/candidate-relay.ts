import { ClosedBy } from '@gatewayworker/protocol';
import { ClientConnection } from '../clients/client-connection.ts';
import { ClientEvents } from '../clients/client-events.ts';
import type {
  Admission,
  ClientCandidate,
  ClientClosure,
  Refusal,
} from '../transports/transport.ts';
import type { ClientMover } from './client-mover.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type { HandoverLink } from './handover-link.ts';
import type { PredecessorMessage, SuccessorMessage } from './handover-messages.ts';

type Decide = (decision: Admission | Refusal) => void;

/** Has the successor decide about clients whose handshake ends in the predecessor. */
export class CandidateRelay {
  readonly #parts: GatewayParts;
  readonly #link: HandoverLink<PredecessorMessage, SuccessorMessage>;
  readonly #mover: ClientMover;
  /** Of the listener, which knows it only while it listens. */
  readonly #listenPort: number;
  readonly #waiting = new Map<number, Decide>();
  #last = 0;

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

  /** Number of candidates that are not decided about. */
  get size(): number {
    return this.#waiting.size;
  }

  /** See `TransportHandler.admit`. */
  admit({ remoteAddress, remotePort, request: handshake }: ClientCandidate, decide: Decide): void {
    if (!this.#link.isOpen) {
      decide(noSuccessor);
      return;
    }
    this.#last += 1;
    const request = this.#last;
    this.#waiting.set(request, decide);
    const listenPort = this.#listenPort;
    const candidate = { request, remoteAddress, remotePort, handshake, listenPort };
    this.#link.send({ type: 'candidate', candidate });
  }

  /** The successor lets a candidate in. */
  accept(message: Extract<SuccessorMessage, { type: 'decision' }>): void {
    const { state, clientEvents } = this.#parts;
    let hasCome = false;
    this.#take(message.request)?.({
      isAccepted: true,
      onClient: (socket) => {
        hasCome = true;
        const client = state.clients.restore(new ClientConnection(message, socket));
        this.#mover.add(client);
        return new ClientEvents(client, clientEvents);
      },
    });
    // It went before it was let in.
    if (!hasCome)
      this.#link.send({ type: 'closed', connection: message.connection, closure: left });
  }

  /** The successor refuses a candidate. */
  refuse({ request, status, reason }: Extract<SuccessorMessage, { type: 'refusal' }>): void {
    this.#take(request)?.({ isAccepted: false, status, reason });
  }

  /** Refuses all: the successor is gone. */
  close(): void {
    for (const decide of this.#waiting.values()) decide(noSuccessor);
    this.#waiting.clear();
  }

  #take(request: number): Decide | undefined {
    const decide = this.#waiting.get(request);
    this.#waiting.delete(request);
    return decide;
  }
}

/** How a client ends that went before it was let in. */
const left: ClientClosure = { by: ClosedBy.Client, code: undefined, reason: undefined };

const noSuccessor: Refusal = { isAccepted: false, status: 503, reason: 'the server stops' };
