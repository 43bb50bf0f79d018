/** Bytes of a number, and of the header of what has a length, at the most. */
const HEADER_BYTES = 9;

/** Bytes of a client id as msgpack. */
export const CLIENT_ID_BYTES = 21;

/**
 * An answer that is a list. What it is about is noted when the query is carried out, so that later
 * commands change nothing of it; its entries are made when they are sent: to make 100,000 client ids in
 * one turn would hold up a gateway for 20 ms and more.
 */
export class ListAnswer<Entry = unknown> {
  readonly length: number;
  /** What all entries take packed, by estimate. */
  readonly byteLength: number;
  readonly #entryAt: (index: number) => Entry;

  /** @param entryAt - makes an entry; called once for each, in order */
  constructor(length: number, byteLength: number, entryAt: (index: number) => Entry) {
    this.length = length;
    this.byteLength = byteLength;
    this.#entryAt = entryAt;
  }

  /** A list whose entries are made already. */
  static of<Entry>(entries: readonly Entry[]): ListAnswer<Entry> {
    const byteLength = entries.reduce((sum, entry) => sum + estimateBytes(entry), 0);
    return new ListAnswer(entries.length, byteLength, (index) => entries[index] as Entry);
  }

  /** Makes entries from `start` on, up to an estimated size but one at least. */
  slice(start: number, maxBytes: number): Entry[] {
    const entries: Entry[] = [];
    let byteLength = 0;
    for (let index = start; index < this.length && byteLength < maxBytes; index++) {
      const entry = this.#entryAt(index);
      entries.push(entry);
      byteLength += estimateBytes(entry);
    }
    return entries;
  }
}

/** Bytes that a part of an answer takes packed, about. */
export function estimateBytes(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return HEADER_BYTES + value.length;
  if (!Array.isArray(value)) return HEADER_BYTES;
  let byteLength = HEADER_BYTES;
  for (const entry of value) byteLength += estimateBytes(entry);
  return byteLength;
}
