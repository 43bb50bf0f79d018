import { types } from 'node:util';
import {
  isPlainObject,
  MAX_SESSION_BYTES,
  MAX_SESSION_LEVELS,
  packValue,
} from '@gatewayworker/protocol';
import { assertSize, isOrdinary, wrongType } from './arguments.ts';

/** Largest and smallest integers of 64 bits, all that msgpack has room for. */
const MAX_BIGINT = 2n ** 64n - 1n;
const MIN_BIGINT = -(2n ** 63n);

/**
 * Packs a session.
 *
 * @throws {TypeError} when it is no plain object or holds what would not come back as it was, naming
 * where: `session.cart.items[3]: a Map cannot be kept`
 * @throws {RangeError} when it takes more than `MAX_SESSION_BYTES`; shared references count wherever they stand
 */
export function packSession(argument: string, session: unknown): Buffer {
  if (!isPlainObject(session)) throw wrongType(argument, session, 'a plain object');
  // Walked first: packing has no bound, and a graph of shared references expands without end.
  assertKept(argument, session);
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
 * Walks a session, each shared reference once for every place, and stops past `MAX_SESSION_BYTES`.
 *
 * @throws {TypeError} naming the first value that would not come back as it was
 * @throws {RangeError} when the values take more than `MAX_SESSION_BYTES`
 */
function assertKept(argument: string, session: unknown): void {
  const walk = new SessionWalk();
  let fault: Fault | undefined;
  try {
    fault = walk.findFault(session, 0);
  } catch (error) {
    // Reading a value ran code of the application.
    throw notSerialisable(argument, error);
  }
  if (walk.isTooLarge) {
    const text = `${argument} takes more than ${MAX_SESSION_BYTES} bytes; allowed: up to ${MAX_SESSION_BYTES}`;
    throw new RangeError(text);
  }
  if (fault !== undefined) throw new TypeError(`${argument}${fault.path}: ${fault.text}`);
}

/** What cannot be kept, and where: a path such as `.cart.items[3]`. */
interface Fault {
  readonly path: string;
  readonly text: string;
}

/** Ends the walk; what is thrown names no place. */
const tooLarge: Fault = { path: '', text: '' };

/**
 * Looks for a value that cannot be kept. A path is made for a fault alone, from the inside out: a session without
 * one costs no strings.
 */
class SessionWalk {
  /** Bytes that the values may still take, counted as if each took the least that it can. */
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
        return value.isWellFormed() ? undefined : fault('half a surrogate pair cannot be kept');
      case 'bigint':
        if (value <= MAX_BIGINT && value >= MIN_BIGINT) return undefined;
        return fault('a bigint of more than 64 bits cannot be kept');
      case 'function':
      case 'symbol':
        return fault(`a ${typeof value} cannot be kept`);
      case 'object':
        return value === null ? undefined : this.#findFaultIn(value, depth);
      default:
        return undefined;
    }
  }

  #findFaultIn(value: object, depth: number): Fault | undefined {
    if (depth >= MAX_SESSION_LEVELS) {
      return fault(`more than ${MAX_SESSION_LEVELS} levels cannot be kept`);
    }
    if (Array.isArray(value)) return this.#findFaultInList(value, depth);
    if (isPlainObject(value)) return this.#findFaultInObject(value, depth);
    if (Object.getPrototypeOf(value) === Date.prototype) return undefined;
    if (types.isUint8Array(value) && isOrdinary(value)) {
      this.#bytesLeft -= value.byteLength;
      return undefined;
    }
    const made: unknown = Reflect.get(value, 'constructor');
    const name = typeof made === 'function' ? made.name : '';
    if (name === '') return fault('this object cannot be kept');
    return fault(`${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name} cannot be kept`);
  }

  #findFaultInList(list: readonly unknown[], depth: number): Fault | undefined {
    for (let index = 0; index < list.length; index += 1) {
      const value = list[index];
      const isHole = value === undefined && !(index in list);
      const found = isHole
        ? fault('a hole of a list cannot be kept')
        : this.findFault(value, depth + 1);
      if (found !== undefined) return { ...found, path: `[${index}]${found.path}` };
    }
    return undefined;
  }

  #findFaultInObject(object: Record<string, unknown>, depth: number): Fault | undefined {
    if (Object.getOwnPropertySymbols(object).length > 0) return fault('a symbol cannot be kept');
    for (const key of Object.keys(object)) {
      this.#bytesLeft -= 1 + key.length;
      const found = findFaultInKey(key) ?? this.findFault(object[key], depth + 1);
      if (found !== undefined) return { ...found, path: `.${key.toWellFormed()}${found.path}` };
    }
    return undefined;
  }
}

function findFaultInKey(key: string): Fault | undefined {
  if (key === '__proto__') return fault('a key of this name cannot be kept');
  return key.isWellFormed() ? undefined : fault('half a surrogate pair cannot be kept');
}

function fault(text: string): Fault {
  return { path: '', text };
}
