import { type FrameConnection, GatewayWorkerError, toWire } from '@gatewayworker/core';

/** Bytes of a part, by estimate: so much is packed in one turn. */
const PART_BYTES = 1024 * 1024;

/** Bytes of parts that wait on one link, past which no further answer is begun. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Bytes of a number, and of the header of what has a length, at the most. */
const HEADER_BYTES = 9;

/** A part of an answer that waits to be sent. */
interface WaitingPart {
  readonly requestId: number;
  readonly part: readonly unknown[];
  readonly byteLength: number;
  readonly isLast: boolean;
}

/**
 * Answers the queries that come by one link. A long list goes in parts, one per turn and none while the
 * link is full, so that no turn packs all of it and no frame has to hold it.
 */
export class PartedAnswers {
  readonly #connection: FrameConnection;
  #waiting: WaitingPart[] = [];
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
    const parts = Array.isArray(answer) ? cut(answer) : [];
    if (parts.length < 2) {
      this.#connection.send({ type: 'queryAnswer', requestId, answer });
      return;
    }
    if (this.#waitingBytes > MAX_WAITING_BYTES) throw new GatewayWorkerError('GW_ERR_LINK_FULL');
    for (const [index, part] of parts.entries()) {
      this.#waiting.push({ requestId, ...part, isLast: index === parts.length - 1 });
      this.#waitingBytes += part.byteLength;
    }
    this.resume();
  }

  /** Goes on: the link has room. */
  resume(): void {
    if (this.#waiting.length > 0) this.#timer ??= setImmediate(() => this.#sendNext());
  }

  /** Forgets what waits: the link is down. */
  close(): void {
    clearImmediate(this.#timer);
    this.#waiting = [];
  }

  #sendNext(): void {
    this.#timer = undefined;
    // It resumes when the kernel has taken what there is.
    if (this.#connection.output.isBlocked) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#waitingBytes -= next.byteLength;
    this.#sendPart(next);
    this.resume();
  }

  #sendPart({ requestId, part, isLast }: WaitingPart): void {
    try {
      if (isLast) this.#connection.send({ type: 'queryAnswer', requestId, answer: part });
      else this.#connection.send({ type: 'queryPart', requestId, part });
    } catch (error) {
      this.#drop(requestId);
      const { code, message } = toWire(error);
      this.#connection.send({ type: 'queryFailure', requestId, code, message });
    }
  }

  #drop(requestId: number): void {
    const dropped = this.#waiting.filter((part) => part.requestId === requestId);
    this.#waiting = this.#waiting.filter((part) => part.requestId !== requestId);
    for (const { byteLength } of dropped) this.#waitingBytes -= byteLength;
  }
}

/** Cuts a list into parts of about a size. */
function cut(
  entries: readonly unknown[],
): { readonly part: readonly unknown[]; readonly byteLength: number }[] {
  const parts: { part: readonly unknown[]; byteLength: number }[] = [];
  let start = 0;
  let byteLength = 0;
  for (const [index, entry] of entries.entries()) {
    byteLength += estimateBytes(entry);
    if (byteLength < PART_BYTES && index < entries.length - 1) continue;
    parts.push({ part: entries.slice(start, index + 1), byteLength });
    start = index + 1;
    byteLength = 0;
  }
  return parts;
}

/** Bytes that a part of an answer takes packed, about. */
function estimateBytes(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return HEADER_BYTES + value.length;
  if (!Array.isArray(value)) return HEADER_BYTES;
  let byteLength = HEADER_BYTES;
  for (const entry of value) byteLength += estimateBytes(entry);
  return byteLength;
}
