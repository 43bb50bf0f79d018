import type {
  Admission,
  ClientCandidate,
  Refusal,
  TransportHandler,
} from '../transports/transport.ts';

/** A candidate that is not decided about. */
interface Waiting {
  readonly candidate: ClientCandidate;
  readonly decide: (decision: Admission | Refusal) => void;
}

/**
 * Stands before the admission control, so that no handshake is lost while a gateway hands over: candidates wait,
 * and then go to the process that decides from now on. They are as many as connections may be in their handshake.
 */
export class AdmissionGate implements TransportHandler {
  #admit: TransportHandler['admit'];
  readonly #waiting = new Set<Waiting>();
  #isClosed = false;

  /** @param admit - decides about candidates */
  constructor(admit: TransportHandler['admit']) {
    this.#admit = admit;
  }

  /** See `TransportHandler.admit`. */
  admit(candidate: ClientCandidate, decide: Waiting['decide']): void {
    const waiting = { candidate, decide };
    this.#waiting.add(waiting);
    if (!this.#isClosed) this.#ask(waiting);
  }

  /** Has candidates wait. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * Asks about all that are not decided, also about those that were asked about before: of two decisions, the
   * first counts.
   *
   * @param admit - decides from now on @default as before
   */
  open(admit: TransportHandler['admit'] = this.#admit): void {
    this.#admit = admit;
    this.#isClosed = false;
    for (const waiting of [...this.#waiting]) this.#ask(waiting);
  }

  #ask(waiting: Waiting): void {
    const admit = this.#admit;
    admit(waiting.candidate, (decision) => {
      // Who decided before the handover does not decide any more.
      if (admit === this.#admit && this.#waiting.delete(waiting)) waiting.decide(decision);
    });
  }
}
