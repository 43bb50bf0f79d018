import { Command } from '@gatewayworker/protocol';
import type { FrameConnection } from './frame-connection.ts';

/** Part of the interval that a peer has to answer. */
const ANSWER_SHARE = 0.8;

/** Pings the peer of a link, and takes the socket for broken when nothing comes. */
export class LinkHeartbeat {
  readonly #connection: FrameConnection;
  #timer: NodeJS.Timeout | undefined;
  #intervalMs = 0;
  #answerTimer: NodeJS.Timeout | undefined;
  /** True when nothing came since the last ping. */
  #isSilent = false;
  #lastBeatAt = 0;

  constructor(connection: FrameConnection) {
    this.#connection = connection;
  }

  /** @param intervalMs - time between two pings; a peer that stops answering is noticed within 1.8 of these */
  start(intervalMs: number): void {
    this.stop();
    this.#intervalMs = intervalMs;
    const { guard } = this.#connection;
    const beat = guard.wrap('link heartbeat', () => this.#beat(), this.#fail);
    this.#timer = setInterval(beat, intervalMs);
  }

  /** Starts again after a stop, if it was ever started. */
  restart(): void {
    if (this.#intervalMs > 0) this.start(this.#intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#answerTimer);
  }

  /** Bytes have come from the peer. */
  handleRead(): void {
    this.#isSilent = false;
  }

  readonly #fail = (error: Error): void => this.#connection.fail(error);

  #beat(): void {
    this.#isSilent = true;
    this.#lastBeatAt = performance.now();
    this.#connection.signal(Command.Ping);
    const answerMs = this.#intervalMs * ANSWER_SHARE;
    const { guard } = this.#connection;
    const check = guard.wrap('link answer timeout', () => this.#check(answerMs), this.#fail);
    this.#answerTimer = setTimeout(check, answerMs);
  }

  #check(answerMs: number): void {
    // A process that was stopped or busy has not read what came meanwhile.
    const isLate = performance.now() - this.#lastBeatAt > answerMs * 1.5;
    if (this.#isSilent && !isLate) {
      this.#connection.handleBroken(new Error('the peer does not answer'));
    }
  }
}
