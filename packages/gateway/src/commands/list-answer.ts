/** Largest msgpack size of a number, and of the header of a string, list or binary. */
const HEADER_BYTES = 9;

/** Bytes of a client id as msgpack. */
export const CLIENT_ID_BYTES = 21;

/**
 * A list as the answer to a query. The query notes the clients, so that later commands do not change the answer; the
 * entries are made when they are sent, because formatting 100,000 client ids at once blocks for 20 ms or more.
 */
export class ListAnswer<Entry = unknown> {
  readonly length: number;
  /** Estimated size of all entries as msgpack. */
  readonly byteLength: number;
  readonly #entryAt: (index: number) => Entry;

  /** @param entryAt - makes an entry; called once per index, in order */
  constructor(length: number, byteLength: number, entryAt: (index: number) => Entry) {
    this.length = length;
    this.byteLength = byteLength;
    this.#entryAt = entryAt;
  }

  /** Makes a list of existing entries. */
  static of<Entry>(entries: readonly Entry[]): ListAnswer<Entry> {
    const byteLength = entries.reduce((sum, entry) => sum + estimateBytes(entry), 0);
    return new ListAnswer(entries.length, byteLength, (index) => entries[index] as Entry);
  }

  /** Makes entries from `start` on, at least one, until their estimated size reaches `maxBytes`. */
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

/** Estimates the size of a value as msgpack, in bytes. */
export function estimateBytes(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return HEADER_BYTES + value.length;
  if (!Array.isArray(value)) return HEADER_BYTES;
  let byteLength = HEADER_BYTES;
  for (const entry of value) byteLength += estimateBytes(entry);
  return byteLength;
}
