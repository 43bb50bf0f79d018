/** Interval of `sync`, which finds messages that a dying process stored but did not deliver, in milliseconds. */
const intervalMs = 60_000;

/** Minimum interval, in milliseconds: the server allows one `sync` in 2 s. */
const minIntervalMs = 2500;

/** Sends `sync` on every connection, once a minute, and whenever messages may be missing. */
export class Syncer {
  readonly #transmit: () => boolean;
  #sentAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param transmit - sends `sync`; returns false if there is no connection */
  constructor(transmit: () => boolean) {
    this.#transmit = transmit;
  }

  /** Call it for a new connection. */
  restart(): void {
    this.#sentAt = Number.NEGATIVE_INFINITY;
    this.soon();
  }

  /** Sends `sync` as soon as the server allows it. */
  soon(): void {
    this.#wait(Math.max(0, this.#sentAt + minIntervalMs - Date.now()));
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
    if (this.#transmit()) this.#sentAt = Date.now();
    this.#timer = setTimeout(() => this.#wait(0), intervalMs);
  }
}
