import { endOfValue } from './check-msgpack.ts';
import { packValue } from './codec.ts';
import type { ObjectDelta, SessionDelta } from './messages.ts';
import { applySessionDelta, isPlainObject, ownValue } from './session-delta.ts';

/** Maximum number of keys of an object: msgpackr writes the count in 16 bits. */
const MAX_KEYS = 0xffff;

/** First byte of a map with a 16-bit count, which msgpackr writes for every object. */
const MAP_16 = 0xde;

const MAP_32 = 0xdf;

/** First byte of a string with an 8-bit length; the next two bytes are those of 16 and 32 bits. */
const STRING_8 = 0xd9;

const emptyObject = Buffer.from([0x80]);

/**
 * Applies a delta to a packed session. Values that the delta does not change are copied without being
 * unpacked, so a small change of a large session costs little more than a copy.
 *
 * @param packed - the session as `packValue` packs it; `undefined` when it was never set
 * @returns the new session in a buffer of its own; `undefined` when the delta unsets it
 * @throws {RangeError} when an object would have more than 65,535 keys
 */
export function applyPackedSessionDelta(
  packed: Uint8Array | undefined,
  delta: SessionDelta,
): Buffer | undefined {
  if (delta.unset) return undefined;
  const base = delta.clear || packed === undefined ? emptyObject : packed;
  const patch = new PackedPatch(Buffer.from(base.buffer, base.byteOffset, base.byteLength));
  patch.copyObject(0, delta);
  return patch.join();
}

/** Collects the parts of the new session: ranges of the old one, and new values. */
class PackedPatch {
  readonly #packed: Buffer;
  readonly #parts: Buffer[] = [];
  #length = 0;

  constructor(packed: Buffer) {
    this.#packed = packed;
  }

  join(): Buffer {
    // Not from the pool of `Buffer`, which a small session would keep alive.
    const result = Buffer.allocUnsafeSlow(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      result.set(part, offset);
      offset += part.length;
    }
    return result;
  }

  /**
   * Adds the object at an offset with a delta applied. Each byte is read once, at any depth of the delta.
   *
   * @returns the offset after the object
   */
  copyObject(start: number, delta: ObjectDelta): number {
    const header = this.#addHeader();
    const replaced = new Set([...delta.remove, ...Object.keys(delta.set)]);
    const named = new Set([...replaced, ...Object.keys(delta.merge)]);
    let [offset, left] = readHeader(this.#packed, start);
    let count = 0;
    let copied = offset;
    for (; left > 0; left -= 1) {
      const keyEnd = endOfValue(this.#packed, offset);
      const key = readKey(this.#packed, offset, keyEnd);
      const inner = ownValue(delta.merge, key);
      if (!named.has(key)) {
        offset = endOfValue(this.#packed, keyEnd);
        count += 1;
      } else if (inner !== undefined && !replaced.has(key) && this.#isObject(keyEnd)) {
        named.delete(key);
        this.#add(this.#packed.subarray(copied, keyEnd));
        offset = this.copyObject(keyEnd, inner);
        copied = offset;
        count += 1;
      } else {
        // The key is removed, or added below.
        this.#add(this.#packed.subarray(copied, offset));
        offset = endOfValue(this.#packed, keyEnd);
        copied = offset;
      }
    }
    this.#add(this.#packed.subarray(copied, offset));
    for (const key of named) count += this.#addNew(key, delta);
    if (count > MAX_KEYS) {
      throw new RangeError(`an object would have ${count} keys; allowed: up to ${MAX_KEYS}`);
    }
    header.writeUInt16BE(count, 1);
    return offset;
  }

  #isObject(start: number): boolean {
    const token = this.#packed.readUInt8(start);
    return (token & 0xf0) === 0x80 || token === MAP_16 || token === MAP_32;
  }

  /** Adds a key whose value comes only from the delta. Returns the number of keys added: 0 or 1. */
  #addNew(key: string, { set, merge }: ObjectDelta): number {
    const inner = ownValue(merge, key);
    const value = ownValue(set, key);
    if (inner !== undefined) {
      const held = isPlainObject(value) ? value : {};
      this.#addEntry(key, applySessionDelta(held, { ...inner, unset: false, clear: false }));
    } else if (Object.hasOwn(set, key)) {
      this.#addEntry(key, value);
    } else {
      return 0;
    }
    return 1;
  }

  #addEntry(key: string, value: unknown): void {
    this.#add(packValue(key));
    this.#add(packValue(value));
  }

  #addHeader(): Buffer {
    const header = Buffer.from([MAP_16, 0, 0]);
    this.#add(header);
    return header;
  }

  #add(part: Buffer): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
}

/** Reads the header of an object: the offset of its first key, and the number of keys. */
function readHeader(packed: Buffer, start: number): [offset: number, count: number] {
  const token = packed.readUInt8(start);
  if (token === MAP_16) return [start + 3, packed.readUInt16BE(start + 1)];
  if (token === MAP_32) return [start + 5, packed.readUInt32BE(start + 1)];
  return [start + 1, token & 0x0f];
}

function readKey(packed: Buffer, start: number, end: number): string {
  const token = packed.readUInt8(start);
  // A short string has its length in the token.
  const lengthBytes = token < 0xc0 ? 0 : 1 << (token - STRING_8);
  return packed.toString('utf8', start + 1 + lengthBytes, end);
}
