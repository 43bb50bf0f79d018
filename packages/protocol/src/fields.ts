import { AcceptorRole, ClosedBy, DialerRole, fieldMaps, ReceiptOutcome } from './field-maps.ts';
import { FrameError } from './frame-error.ts';
import type { AskedQuery, FieldTypes, ScalarTypes } from './messages.ts';
import { queries } from './query.ts';
import { isPlainObject } from './session-delta.ts';

/** Longest short string, in characters: names have up to 128, host names up to 253. */
const MAX_SHORT_STRING = 512;

/** Longest key that an error quotes, in characters. */
const MAX_QUOTED_KEY = 80;

/**
 * Checks a value that came from a peer. An error names the field, and the path of the map that holds it.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when the value is not of the type
 */
type Reader<T> = (value: unknown, path: string, name: string) => T;

/**
 * Checks a map that came from a peer, field by field, and copies the fields into `result`. Other keys, which
 * a newer peer may send, are left out.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} naming the path and the first field that is wrong
 */
export type MapReader = (
  value: unknown,
  path: string,
  result: Record<string, unknown>,
) => Record<string, unknown>;

/**
 * Reads one of `fieldMaps`.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} naming the path and the first field that is wrong
 */
export function parseMap<N extends keyof typeof fieldMaps>(
  type: N,
  value: unknown,
  path: string,
): FieldTypes[N] {
  return readMap(type, value, path) as FieldTypes[N];
}

/** Makes the reader of a map from the types of its fields. */
export function compileMap(fields: Readonly<Record<string, string>>): MapReader {
  const entries = Object.entries(fields).map(([name, type]) => ({ name, read: readerOf(type) }));
  return (value, path, result) => {
    const map = readObject(value, path, 'the body');
    for (const { name, read } of entries) result[name] = read(map[name], path, name);
    return result;
  };
}

function readerOf(type: string): Reader<unknown> {
  if (type.endsWith('?')) return optional(type.slice(0, -1));
  if (type.endsWith('[]')) return listReaders[type] ?? listOfMaps(type.slice(0, -2));
  if (type.endsWith('{}')) return dictionaryOf(type.slice(0, -2));
  const readers: Readonly<Record<string, Reader<unknown>>> = scalarReaders;
  return readers[type] ?? mapOf(type);
}

/** An absent list is empty, any other absent value `undefined`. */
function optional(type: string): Reader<unknown> {
  const read = readerOf(type);
  const isList = type.endsWith('[]');
  return (value, path, name) => {
    if (value == null) return isList ? [] : undefined;
    return read(value, path, name);
  };
}

function mapOf(type: string): Reader<unknown> {
  if (!Object.hasOwn(fieldMaps, type)) throw new TypeError(`there is no field type ${type}`);
  return (value, path, name) => readMap(type, value, `${path}.${name}`);
}

// Looked up for each value and not when a reader is made: a map may hold maps of its own type.
function readMap(type: string, value: unknown, path: string): unknown {
  return mapReaders.get(type)?.(value, path, {});
}

function listOfMaps(type: string): Reader<unknown> {
  const read = mapOf(type);
  return (value, path, name) => {
    if (!Array.isArray(value)) throw malformed(path, name, 'a list');
    return value.map((entry: unknown) => read(entry, path, name));
  };
}

function dictionaryOf(type: string): Reader<unknown> {
  if (type === 'any') return readObject;
  const read = readerOf(type);
  return (value, path, name) =>
    Object.fromEntries(
      Object.entries(readObject(value, path, name)).map(([key, entry]) => [
        key,
        read(entry, path, `${name}.${key.slice(0, MAX_QUOTED_KEY)}`),
      ]),
    );
}

function listOf<T>(accepts: (value: unknown) => value is T, expected: string): Reader<T[]> {
  return (value, path, name) => {
    if (!Array.isArray(value)) throw malformed(path, name, 'a list');
    if (!value.every(accepts)) throw malformed(path, name, expected);
    return value;
  };
}

function scalar<T>(accepts: (value: unknown) => value is T, expected: string): Reader<T> {
  return (value, path, name) => {
    if (!accepts(value)) throw malformed(path, name, expected);
    return value;
  };
}

function oneOf<T extends string>(words: Readonly<Record<string, T>>): Reader<T> {
  const allowed: ReadonlySet<unknown> = new Set(Object.values(words));
  const accepts = (value: unknown): value is T => allowed.has(value);
  return scalar(accepts, [...allowed].join(' or '));
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function isPosition(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isU32(value: unknown): value is number {
  return isPosition(value) && value <= 0xffff_ffff;
}

function readObject(value: unknown, path: string, name: string): Readonly<Record<string, unknown>> {
  if (!isPlainObject(value)) throw malformed(path, name, 'an object');
  return value;
}

const readString = scalar(isString, 'a string');

function readShortString(value: unknown, path: string, name: string): string {
  const text = readString(value, path, name);
  if (text.length <= MAX_SHORT_STRING) return text;
  throw malformed(path, name, `a string of up to ${MAX_SHORT_STRING} characters`);
}

function parseQuery(value: unknown, parent: string, name: string): AskedQuery {
  const path = `${parent}.${name}`;
  const kind = readString(readObject(value, path, 'the body')['kind'], path, 'kind');
  const read = queryReaders.get(kind);
  // A newer peer may know more queries: that fails the query, not the link.
  if (read === undefined) return { kind: 'unknown', name: kind };
  return read(value, path, { kind }) as AskedQuery;
}

function malformed(path: string, name: string, expected: string): FrameError {
  return new FrameError('GW_ERR_FRAME_MALFORMED', `${path}: ${name} is not ${expected}`);
}

const scalarReaders: { readonly [N in keyof ScalarTypes]: Reader<ScalarTypes[N]> } = {
  any: (value) => value,
  boolean: (value) => value === true,
  bytes: scalar(isBytes, 'bytes'),
  packed: scalar(isBytes, 'bytes'),
  position: scalar(isPosition, 'a position'),
  shortString: readShortString,
  string: readString,
  u32: scalar(isU32, 'an unsigned integer'),
  AcceptorRole: oneOf(AcceptorRole),
  ClosedBy: oneOf(ClosedBy),
  DialerRole: oneOf(DialerRole),
  Query: parseQuery,
  ReceiptOutcome: oneOf(ReceiptOutcome),
};

const listReaders: Readonly<Record<string, Reader<unknown>>> = {
  'any[]': scalar((value): value is unknown[] => Array.isArray(value), 'a list'),
  'bytes[]': listOf(isBytes, 'a list of bytes'),
  'string[]': listOf(isString, 'a list of strings'),
};

const mapReaders: ReadonlyMap<string, MapReader> = new Map(
  Object.entries(fieldMaps).map(([type, fields]) => [type, compileMap(fields)]),
);

const queryReaders: ReadonlyMap<string, MapReader> = new Map(
  Object.entries(queries).map(([kind, { fields }]) => [kind, compileMap(fields)]),
);
