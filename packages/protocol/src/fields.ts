import { FrameError } from './frame-error.ts';
import { isPlainObject, type ObjectDelta, type SessionDelta } from './session-delta.ts';

/** Longest short string, in characters: names have up to 128, host names up to 253. */
const MAX_SHORT_STRING = 512;

/**
 * Reads the fields of a structured message that came from a peer, checking each.
 *
 * Every method throws `GW_ERR_FRAME_MALFORMED` naming the message and the field.
 */
export class Fields {
  readonly #message: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(message: string, value: unknown) {
    this.#message = message;
    if (!isPlainObject(value)) throw this.#error('the body', 'an object');
    this.#values = value;
  }

  string(name: string): string {
    const value = this.#values[name];
    if (typeof value !== 'string') throw this.#error(name, 'a string');
    return value;
  }

  /** A name, an address or an id: it is sent to other peers and logged. */
  shortString(name: string): string {
    const value = this.string(name);
    if (value.length > MAX_SHORT_STRING) {
      throw this.#error(name, `a string of up to ${MAX_SHORT_STRING} characters`);
    }
    return value;
  }

  optionalString(name: string): string | undefined {
    return this.#values[name] == null ? undefined : this.string(name);
  }

  /** An integer from 0 to 2^32 - 1. */
  unsigned(name: string): number {
    const value = this.#values[name];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw this.#error(name, 'an unsigned integer');
    }
    return value;
  }

  optionalUnsigned(name: string): number | undefined {
    return this.#values[name] == null ? undefined : this.unsigned(name);
  }

  /** An integer from 0 to 2^53 - 1. */
  position(name: string): number {
    const value = this.#values[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw this.#error(name, 'a position');
    }
    return value;
  }

  optionalPosition(name: string): number | undefined {
    return this.#values[name] == null ? undefined : this.position(name);
  }

  bytes(name: string): Uint8Array {
    const value = this.#values[name];
    if (!(value instanceof Uint8Array)) throw this.#error(name, 'bytes');
    return value;
  }

  optionalBytes(name: string): Uint8Array | undefined {
    return this.#values[name] == null ? undefined : this.bytes(name);
  }

  /** A list of bytes; empty when it is absent. */
  optionalByteList(name: string): Uint8Array[] {
    if (this.#values[name] == null) return [];
    return this.list(name).map((entry) => {
      if (!(entry instanceof Uint8Array)) throw this.#error(name, 'a list of bytes');
      return entry;
    });
  }

  oneOf<T extends string>(name: string, allowed: Readonly<Record<string, T>>): T {
    const value = this.#values[name];
    const found = Object.values(allowed).find((entry) => entry === value);
    if (found === undefined) throw this.#error(name, Object.values(allowed).join(' or '));
    return found;
  }

  object(name: string): Fields {
    return new Fields(`${this.#message}.${name}`, this.#values[name]);
  }

  optionalObject(name: string): Fields | undefined {
    return this.#values[name] == null ? undefined : this.object(name);
  }

  list(name: string): readonly unknown[] {
    const value: unknown = this.#values[name];
    if (!Array.isArray(value)) throw this.#error(name, 'a list');
    return value;
  }

  strings(name: string): string[] {
    return this.list(name).map((entry) => {
      if (typeof entry !== 'string') throw this.#error(name, 'a list of strings');
      return entry;
    });
  }

  stringRecord(name: string): Record<string, string> {
    const value = this.#values[name];
    if (!isPlainObject(value)) throw this.#error(name, 'an object');
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => {
        if (typeof entry !== 'string') throw this.#error(`${name}.${key.slice(0, 80)}`, 'a string');
        return [key, entry];
      }),
    );
  }

  sessionDelta(name: string): SessionDelta {
    const fields = this.object(name);
    return {
      ...fields.#objectDelta(),
      unset: fields.unknown('unset') === true,
      clear: fields.unknown('clear') === true,
    };
  }

  #objectDelta(): ObjectDelta {
    const remove = this.strings('remove');
    const set = this.unknown('set');
    if (!isPlainObject(set)) throw this.#error('set', 'an object');
    const inner = this.object('merge');
    const merge = Object.keys(inner.#values).map((key) => [key, inner.object(key).#objectDelta()]);
    return { remove, set, merge: Object.fromEntries(merge) };
  }

  unknown(name: string): unknown {
    return this.#values[name];
  }

  #error(name: string, expected: string): FrameError {
    return new FrameError('GW_ERR_FRAME_MALFORMED', `${this.#message}: ${name} is not ${expected}`);
  }
}
