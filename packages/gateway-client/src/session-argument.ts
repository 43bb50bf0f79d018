import { types } from 'node:util';
import {
  isPlainObject,
  MAX_SESSION_BYTES,
  MAX_SESSION_LEVELS,
  packValue,
} from '@gatewayworker/protocol';
import { assertSize, isPlainBytes, wrongType } from './arguments.ts';

/** Largest and smallest integer that msgpack can encode, in 64 bits. */
const MAX_BIGINT = 2n ** 64n - 1n;
const MIN_BIGINT = -(2n ** 63n);

/**
 * Packs a session.
 *
 * @throws {TypeError} when it is not a plain object, or contains a value that would be different after a round trip;
 * the message has its path: `session.cart.items[3]: a Map cannot be stored`
 * @throws {RangeError} when it takes more than `MAX_SESSION_BYTES`; a shared reference counts each time it occurs
 */
export function packSession(argument: string, session: unknown): Buffer {
  if (!isPlainObject(session)) throw wrongType(argument, session, 'a plain object');
  // Checked before packing, which has no limit: a graph of shared references would expand without end.
  assertStorable(argument, session);
  let packed: Buffer;
  try {
    packed = packValue(session);
  } catch (error) {
    throw notSerialisable(argument, error);
  }
  assertSize(argument, packed.byteLength, MAX_SESSION_BYTES);
  return packed;
}

function notSerialisable(argument: string, cause: unknown): TypeError {
  return new TypeError(`${argument} cannot be serialised`, { cause });
}

/**
 * Checks all values of a session, a shared reference each time it occurs, and stops above `MAX_SESSION_BYTES`.
 *
 * @throws {TypeError} with the path of the first value that would be different after a round trip
 * @throws {RangeError} when the values take more than `MAX_SESSION_BYTES`
 */
function assertStorable(argument: string, session: unknown): void {
  const walk = new SessionWalk();
  let fault: Fault | undefined;
  try {
    fault = walk.findFault(session, 0);
  } catch (error) {
    // Reading a value can run code of the application, such as a getter.
    throw notSerialisable(argument, error);
  }
  if (walk.isTooLarge) {
    const text = `${argument} takes more than ${MAX_SESSION_BYTES} bytes; allowed: up to ${MAX_SESSION_BYTES}`;
    throw new RangeError(text);
  }
  if (fault !== undefined) throw new TypeError(`${argument}${fault.path}: ${fault.text}`);
}

/** A value that cannot be stored, and its path, such as `.cart.items[3]`. */
interface Fault {
  readonly path: string;
  readonly text: string;
}

/** Result that ends the walk of a session that is too large. */
const tooLarge: Fault = { path: '', text: '' };

/**
 * Finds a value that cannot be stored. The path is built only for a fault, from the inside out, so that a valid session
 * costs no strings.
 */
class SessionWalk {
  /** Bytes that the remaining values may take. Each value counts with its smallest possible size. */
  #bytesLeft = MAX_SESSION_BYTES;

  get isTooLarge(): boolean {
    return this.#bytesLeft < 0;
  }

  findFault(value: unknown, depth: number): Fault | undefined {
    this.#bytesLeft -= 1;
    if (this.#bytesLeft < 0) return tooLarge;
    switch (typeof value) {
      case 'string':
        this.#bytesLeft -= value.length;
        return value.isWellFormed() ? undefined : fault('half a surrogate pair cannot be stored');
      case 'bigint':
        if (value <= MAX_BIGINT && value >= MIN_BIGINT) return undefined;
        return fault('a bigint of more than 64 bits cannot be stored');
      case 'function':
      case 'symbol':
        return fault(`a ${typeof value} cannot be stored`);
      case 'object':
        return value === null ? undefined : this.#findFaultIn(value, depth);
      default:
        return undefined;
    }
  }

  #findFaultIn(value: object, depth: number): Fault | undefined {
    if (depth >= MAX_SESSION_LEVELS) {
      return fault(`more than ${MAX_SESSION_LEVELS} levels cannot be stored`);
    }
    if (Array.isArray(value)) return this.#findFaultInList(value, depth);
    if (isPlainObject(value)) return this.#findFaultInObject(value, depth);
    if (Object.getPrototypeOf(value) === Date.prototype) return undefined;
    if (types.isUint8Array(value) && isPlainBytes(value)) {
      this.#bytesLeft -= value.byteLength;
      return undefined;
    }
    const valueClass: unknown = Reflect.get(value, 'constructor');
    const name = typeof valueClass === 'function' ? valueClass.name : '';
    if (name === '') return fault('this object cannot be stored');
    return fault(`${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name} cannot be stored`);
  }

  #findFaultInList(list: readonly unknown[], depth: number): Fault | undefined {
    for (let index = 0; index < list.length; index += 1) {
      const value = list[index];
      const isHole = value === undefined && !(index in list);
      const found = isHole
        ? fault('a hole of a list cannot be stored')
        : this.findFault(value, depth + 1);
      if (found !== undefined) return { ...found, path: `[${index}]${found.path}` };
    }
    return undefined;
  }

  #findFaultInObject(object: Record<string, unknown>, depth: number): Fault | undefined {
    if (Object.getOwnPropertySymbols(object).length > 0) return fault('a symbol cannot be stored');
    for (const key of Object.keys(object)) {
      this.#bytesLeft -= 1 + key.length;
      const found = findFaultInKey(key) ?? this.findFault(object[key], depth + 1);
      if (found !== undefined) return { ...found, path: `.${key.toWellFormed()}${found.path}` };
    }
    return undefined;
  }
}

function findFaultInKey(key: string): Fault | undefined {
  if (key === '__proto__') return fault('a key of this name cannot be stored');
  return key.isWellFormed() ? undefined : fault('half a surrogate pair cannot be stored');
}

function fault(text: string): Fault {
  return { path: '', text };
}
