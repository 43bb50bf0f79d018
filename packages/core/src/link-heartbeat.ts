import { Command } from '@gatewayworker/protocol';
import type { FrameConnection } from './frame-connection.ts';

/** Part of the interval within which a peer must answer. */
const ANSWER_SHARE = 0.8;

/** Pings the peer of a link, and treats the socket as broken if nothing is received. */
export class LinkHeartbeat {
  readonly #connection: FrameConnection;
  #timer: NodeJS.Timeout | undefined;
  #intervalMs = 0;
  #answerTimer: NodeJS.Timeout | undefined;
  /** True when nothing was received since the last ping. */
  #isSilent = false;
  #lastBeatAt = 0;

  constructor(connection: FrameConnection) {
    this.#connection = connection;
  }

  /** @param intervalMs - time between two pings; a peer that stops answering is detected within 1.8 intervals */
  start(intervalMs: number): void {
    this.stop();
    this.#intervalMs = intervalMs;
    const { guard } = this.#connection;
    const beat = guard.wrap('link heartbeat', () => this.#beat(), this.#fail);
    this.#timer = setInterval(beat, intervalMs);
  }

  /** Starts again after `stop`; does nothing if it was never started. */
  restart(): void {
    if (this.#intervalMs > 0) this.start(this.#intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#answerTimer);
  }

  /** Call it when bytes were received. */
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
    // A timer that fires late shows that this process was stopped or busy, and may have unread bytes of the peer.
    const isLate = performance.now() - this.#lastBeatAt > answerMs * 1.5;
    if (this.#isSilent && !isLate) {
      this.#connection.handleBroken(new Error('the peer does not answer'));
    }
  }
}
