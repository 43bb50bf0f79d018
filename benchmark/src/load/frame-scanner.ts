/** Websocket opcodes that the load generator handles. */
export const Opcode = { text: 1, binary: 2, close: 8, ping: 9 } as const;

/** Called for every frame. The payload is in `buffer` from `start` to `end`, only during the call. */
export type FrameVisitor = (opcode: number, buffer: Buffer, start: number, end: number) => void;

/**
 * Finds the unmasked frames of a server in a stream of chunks, and parses only their heads.
 *
 * Complete frames are visited in place; only a frame that is split between chunks is copied.
 */
export class FrameScanner {
  /** Bytes of an incomplete frame. */
  #rest: Buffer = Buffer.alloc(0);
  #restLength = 0;

  /** Visits the frames that end in the first `length` bytes of a chunk. */
  scan(chunk: Buffer, length: number, visit: FrameVisitor): void {
    let position = this.#restLength === 0 ? 0 : this.#completeRest(chunk, length, visit);
    while (length - position >= 2) {
      const head = headBytes(chunk[position + 1] ?? 0);
      if (length - position < head) break;
      const start = position + head;
      const end = start + payloadBytes(chunk, position, head);
      if (end > length) break;
      visit((chunk[position] ?? 0) & 15, chunk, start, end);
      position = end;
    }
    if (position < length) this.#keep(chunk, position, length);
  }

  /** Completes the incomplete frame; returns the number of bytes used. */
  #completeRest(chunk: Buffer, length: number, visit: FrameVisitor): number {
    let position = 0;
    let needed = this.#missing();
    while (needed > 0) {
      if (position === length) return position;
      const taken = Math.min(needed, length - position);
      this.#keep(chunk, position, position + taken);
      position += taken;
      needed = this.#missing();
    }
    const end = this.#restLength;
    this.#restLength = 0;
    visit((this.#rest[0] ?? 0) & 15, this.#rest, headBytes(this.#rest[1] ?? 0), end);
    return position;
  }

  /** Bytes needed for the next step of the incomplete frame; 0 when it is complete. */
  #missing(): number {
    if (this.#restLength < 2) return 2 - this.#restLength;
    const head = headBytes(this.#rest[1] ?? 0);
    if (this.#restLength < head) return head - this.#restLength;
    return head + payloadBytes(this.#rest, 0, head) - this.#restLength;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const length = this.#restLength + end - start;
    if (length > this.#rest.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#rest.length));
      this.#rest.copy(larger, 0, 0, this.#restLength);
      this.#rest = larger;
    }
    chunk.copy(this.#rest, this.#restLength, start, end);
    this.#restLength = length;
  }
}

/** Length of the head of an unmasked frame, from its second byte. */
function headBytes(second: number): number {
  const length = second & 127;
  if (length < 126) return 2;
  return length === 126 ? 4 : 10;
}

function payloadBytes(buffer: Buffer, position: number, head: number): number {
  if (head === 2) return (buffer[position + 1] ?? 0) & 127;
  if (head === 4) return buffer.readUInt16BE(position + 2);
  return Number(buffer.readBigUInt64BE(position + 2));
}
