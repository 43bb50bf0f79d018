import type {
  Admission,
  ClientCandidate,
  Refusal,
  TransportHandler,
} from '../transports/transport.ts';

/** A candidate without a decision. */
interface PendingCandidate {
  readonly candidate: ClientCandidate;
  readonly decide: (decision: Admission | Refusal) => void;
}

/**
 * Holds candidates during a handover, so that no handshake is lost, and then passes them to the process that decides
 * from now on. Their number is bounded by the number of connections in their handshake.
 */
export class AdmissionGate implements TransportHandler {
  /** See `TransportHandler`. */
  readonly openResumable: TransportHandler['openResumable'];
  #admit: TransportHandler['admit'];
  readonly #pending = new Set<PendingCandidate>();
  #isClosed = false;

  /** @param admit - decides about candidates */
  constructor(admit: TransportHandler['admit'], openResumable: TransportHandler['openResumable']) {
    this.#admit = admit;
    this.openResumable = openResumable;
  }

  /** See `TransportHandler.admit`. */
  admit(candidate: ClientCandidate, decide: PendingCandidate['decide']): void {
    const pending = { candidate, decide };
    this.#pending.add(pending);
    if (!this.#isClosed) this.#requestDecision(pending);
  }

  /** Starts to hold candidates. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * Requests a decision for all pending candidates, also for those with an earlier request.
   *
   * @param admit - decides from now on; answers of an earlier function are ignored @default the current function
   */
  open(admit: TransportHandler['admit'] = this.#admit): void {
    this.#admit = admit;
    this.#isClosed = false;
    for (const pending of [...this.#pending]) this.#requestDecision(pending);
  }

  #requestDecision(pending: PendingCandidate): void {
    const admit = this.#admit;
    admit(pending.candidate, (decision) => {
      // Ignore answers from before the handover, and second answers.
      if (admit === this.#admit && this.#pending.delete(pending)) pending.decide(decision);
    });
  }
}
