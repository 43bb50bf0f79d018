import { type FrameConnection, GatewayWorkerError, toWire } from '@gatewayworker/core';
import { ListAnswer } from './list-answer.ts';

/** Estimated bytes of a chunk. Making and packing one takes about 5 ms. */
const CHUNK_BYTES = 256 * 1024;

/** Bytes of pending replies on one link, past which further long replies are refused. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

/** A reply that is sent in chunks. */
interface PendingReply {
  readonly requestId: number;
  readonly list: ListAnswer;
  /** Number of entries sent. */
  sent: number;
}

/**
 * Sends the replies to the queries of one link. A long list is sent in chunks, one per turn and none while the link is
 * full, so that it does not block the event loop or exceed the frame size.
 */
export class ChunkedReplies {
  readonly #connection: FrameConnection;
  readonly #pending: PendingReply[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Immediate | undefined;

  constructor(connection: FrameConnection) {
    this.#connection = connection;
  }

  /**
   * Sends a short reply at once, and begins to send a long one.
   *
   * @throws {GW_ERR_LINK_FULL} when too many chunks wait for a slow peer
   * @throws {GW_ERR_FRAME_TOO_LARGE} when a reply that is not a list is larger than a frame
   */
  send(requestId: number, answer: unknown): void {
    const list = Array.isArray(answer) ? ListAnswer.of(answer) : answer;
    if (!(list instanceof ListAnswer)) {
      this.#connection.send({ type: 'queryAnswer', requestId, answer });
    } else if (list.byteLength < CHUNK_BYTES) {
      const entries = list.slice(0, Number.POSITIVE_INFINITY);
      this.#connection.send({ type: 'queryAnswer', requestId, answer: entries });
    } else {
      if (this.#pendingBytes > MAX_PENDING_BYTES) throw new GatewayWorkerError('GW_ERR_LINK_FULL');
      this.#pending.push({ requestId, list, sent: 0 });
      this.#pendingBytes += list.byteLength;
      this.resume();
    }
  }

  /** Continues to send chunks; called when the link has room. */
  resume(): void {
    if (this.#pending.length === 0 || this.#timer !== undefined) return;
    const connection = this.#connection;
    const sendNext = connection.guard.wrap(
      'query answer part',
      () => this.#sendNext(),
      (error) => connection.fail(error),
    );
    this.#timer = setImmediate(sendNext);
  }

  /** Sends all pending replies at once, even if the link is full; called before a handover. */
  sendAll(): void {
    clearImmediate(this.#timer);
    this.#timer = undefined;
    for (const reply of this.#pending) while (!this.#sendChunk(reply));
    this.#pending.length = 0;
    this.#pendingBytes = 0;
  }

  /** Drops the pending replies; called when the link is closed. */
  close(): void {
    clearImmediate(this.#timer);
    this.#pending.length = 0;
  }

  #sendNext(): void {
    this.#timer = undefined;
    // `resume` is called when the link has drained.
    if (this.#connection.output.isBlocked) return;
    const [reply] = this.#pending;
    if (reply === undefined) return;
    if (this.#sendChunk(reply)) {
      this.#pending.shift();
      this.#pendingBytes -= reply.list.byteLength;
    }
    this.resume();
  }

  /** Sends the next chunk. Returns true if it was the last. */
  #sendChunk(reply: PendingReply): boolean {
    const { requestId, list } = reply;
    const part = list.slice(reply.sent, CHUNK_BYTES);
    reply.sent += part.length;
    const isLast = reply.sent === list.length;
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
