/** What an acknowledged or lost event was. */
export interface SettledEvents {
  /** Highest number of a message; 0 when there was none. */
  readonly handled: number;
  /** True when ClientResumed was one of them. */
  readonly hasResumed: boolean;
}

/** Entry for an event that is no message. */
const NO_MESSAGE = 0;

/** Entry for ClientResumed. */
const RESUMED = -1;

/** The numbers of the messages of a client: which have been received, and which the application has handled. */
export class ClientNumbers {
  #received = 0;
  #handled = 0;
  /** For each unacknowledged event, the oldest first: its number, or one of the constants above. */
  #inFlight: number[] = [];

  /** Highest number that was received. */
  get received(): number {
    return this.#received;
  }

  /** For another process. */
  get inFlight(): readonly number[] {
    return this.#inFlight;
  }

  /** Highest number that the application has handled. */
  get handled(): number {
    return this.#handled;
  }

  /**
   * Counts a message as received and as an event. Returns false for a repeated one. Numbers may be missing before it: a
   * page that was reloaded has forgotten them.
   */
  take(number: number): boolean {
    if (number <= this.#received) return false;
    this.#received = number;
    this.#inFlight.push(number);
    return true;
  }

  /** Counts an event that is no message. */
  addEvent(): void {
    this.#inFlight.push(NO_MESSAGE);
  }

  /** Counts ClientResumed. */
  addResumed(): void {
    this.#inFlight.push(RESUMED);
  }

  /** Handles the acknowledgement of the oldest events. */
  acknowledge(count: number): SettledEvents {
    const settled = this.#inFlight.splice(0, count);
    const handled = Math.max(NO_MESSAGE, ...settled);
    if (handled > 0) this.#handled = handled;
    return { handled, hasResumed: settled.includes(RESUMED) };
  }

  /** Forgets the oldest events, which a dead worker has not acknowledged, so that `count` are left. */
  keep(count: number): SettledEvents {
    return this.acknowledge(Math.max(0, this.#inFlight.length - count));
  }

  /**
   * Highest number whose event was sent to a worker.
   *
   * @param held - number of events that were not; they are the newest
   */
  sentToWorkers(held: number): number {
    const first = this.#inFlight.slice(this.#inFlight.length - held).find((entry) => entry > 0);
    return first === undefined ? this.#received : first - 1;
  }

  /** Continues with the numbers of another process. */
  restore(received: number, inFlight: readonly number[]): void {
    this.#received = received;
    this.#inFlight = [...inFlight];
    // Without events in flight here, the previous gateway has the acknowledgements.
    const unhandled = inFlight.find((entry) => entry > 0);
    this.#handled = unhandled === undefined ? received : unhandled - 1;
  }
}
