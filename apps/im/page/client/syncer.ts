/** What a dying process of the server has stored but not delivered is found after this time, in milliseconds. */
const everyMs = 60_000;

/** The server takes not more than one in 2 s. */
const pauseMs = 2500;

/** Asks for the newest numbers: on every connection, once a minute, and whenever something may be missing. */
export class Syncer {
  readonly #say: () => boolean;
  #saidAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param say - answers false when there is no connection */
  constructor(say: () => boolean) {
    this.#say = say;
  }

  /** A new connection. */
  restart(): void {
    this.#saidAt = Number.NEGATIVE_INFINITY;
    this.soon();
  }

  /** Asks as soon as the server takes it. */
  soon(): void {
    this.#wait(Math.max(0, this.#saidAt + pauseMs - Date.now()));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    if (ms > 0) {
      this.#timer = setTimeout(() => this.#wait(0), ms);
      return;
    }
    if (this.#say()) this.#saidAt = Date.now();
    this.#timer = setTimeout(() => this.#wait(0), everyMs);
  }
}
