import { type FrameConnection, GatewayWorkerError, toWire } from '@gatewayworker/core';
import { ListAnswer } from './list-answer.ts';

/** Bytes of a part, by estimate: so much is made and packed in one turn, in about 5 ms. */
const PART_BYTES = 256 * 1024;

/** Bytes of answers that wait on one link, past which no further one is begun. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** An answer that is sent in parts. */
interface WaitingAnswer {
  readonly requestId: number;
  readonly list: ListAnswer;
  /** Entries that were sent. */
  sent: number;
}

/**
 * Answers the queries that come by one link. A long list goes in parts, one per turn and none while the
 * link is full, so that no turn packs all of it and no frame has to hold it.
 */
export class ChunkedReplies {
  readonly #connection: FrameConnection;
  readonly #waiting: WaitingAnswer[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Immediate | undefined;

  constructor(connection: FrameConnection) {
    this.#connection = connection;
  }

  /**
   * Sends an answer, or the first part of it.
   *
   * @throws {GW_ERR_LINK_FULL} when the parts of other answers wait for a slow peer
   * @throws {GW_ERR_FRAME_TOO_LARGE} when it is no list, and larger than a frame
   */
  send(requestId: number, answer: unknown): void {
    const list = Array.isArray(answer) ? ListAnswer.of(answer) : answer;
    if (!(list instanceof ListAnswer)) {
      this.#connection.send({ type: 'queryAnswer', requestId, answer });
    } else if (list.byteLength < PART_BYTES) {
      const entries = list.slice(0, Number.POSITIVE_INFINITY);
      this.#connection.send({ type: 'queryAnswer', requestId, answer: entries });
    } else {
      if (this.#waitingBytes > MAX_WAITING_BYTES) throw new GatewayWorkerError('GW_ERR_LINK_FULL');
      this.#waiting.push({ requestId, list, sent: 0 });
      this.#waitingBytes += list.byteLength;
      this.resume();
    }
  }

  /** Goes on: the link has room. */
  resume(): void {
    if (this.#waiting.length === 0 || this.#timer !== undefined) return;
    const connection = this.#connection;
    const sendNext = connection.guard.wrap(
      'query answer part',
      () => this.#sendNext(),
      (error) => connection.fail(error),
    );
    this.#timer = setImmediate(sendNext);
  }

  /** Sends all that waits at once, full or not: another process goes on with the link. */
  finish(): void {
    clearImmediate(this.#timer);
    this.#timer = undefined;
    for (const answer of this.#waiting) while (!this.#sendPart(answer));
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  /** Forgets what waits: the link is down. */
  close(): void {
    clearImmediate(this.#timer);
    this.#waiting.length = 0;
  }

  #sendNext(): void {
    this.#timer = undefined;
    // It resumes when the kernel has taken what there is.
    if (this.#connection.output.isBlocked) return;
    const [answer] = this.#waiting;
    if (answer === undefined) return;
    if (this.#sendPart(answer)) {
      this.#waiting.shift();
      this.#waitingBytes -= answer.list.byteLength;
    }
    this.resume();
  }

  /** Answers true when it was the last. */
  #sendPart(answer: WaitingAnswer): boolean {
    const { requestId, list } = answer;
    const part = list.slice(answer.sent, PART_BYTES);
    answer.sent += part.length;
    const isLast = answer.sent === list.length;
    try {
      if (isLast) this.#connection.send({ type: 'queryAnswer', requestId, answer: part });
      else this.#connection.send({ type: 'queryPart', requestId, part });
      return isLast;
    } catch (error) {
      const { code, message } = toWire(error);
      this.#connection.send({ type: 'queryFailure', requestId, code, message });
      return true;
    }
  }
}
