import { types } from 'node:util';
import { describeValue } from '@gatewayworker/core';
import {
  type ClientAddress,
  CloseCode,
  type CloseRequest,
  isPlainObject,
  isSendableCloseCode,
  MAX_CLOSE_REASON_BYTES,
  MAX_NAME_BYTES,
  type Payload,
  parseClientId,
} from '@gatewayworker/protocol';

/** Largest message, in bytes. It fits into an inner frame with any header. */
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

/** Maximum size of the names of one query in its frame, in bytes, including their lengths. */
const MAX_NAMES_BYTES = 16 * 1024 * 1024;

/** Maximum size of the names of one send, in bytes. The frame also contains a message and client ids. */
const MAX_SEND_NAMES_BYTES = 8 * 1024 * 1024;

/** Maximum number of client ids of one send. They take 6 MB of its frame. */
const MAX_CLIENT_IDS = 500_000;

/** Maximum number of bytes that a name takes in a frame in addition to its own. */
const NAME_HEADER_BYTES = 5;

const UID = 'a non-empty string or a safe integer';
const GROUP = 'a non-empty string';

/**
 * Parses a client id.
 *
 * @returns `undefined` when the text is not a client id: it addresses no client, like a stale id
 * @throws {TypeError} when it is not a string or is empty
 */
export function parseClientIdArgument(argument: string, value: unknown): ClientAddress | undefined {
  if (typeof value !== 'string' || value === '')
    throw wrongType(argument, value, 'a non-empty string');
  return parseClientId(value);
}

/**
 * Parses a list of client ids, or one. Entries that are not client ids are omitted.
 *
 * @throws {TypeError} when an entry is not a string or is empty
 * @throws {RangeError} when there are more than 500,000
 */
export function parseClientIdsArgument(argument: string, value: unknown): ClientAddress[] {
  if (!Array.isArray(value)) {
    const address = parseClientIdArgument(argument, value);
    return address === undefined ? [] : [address];
  }
  if (value.length > MAX_CLIENT_IDS) {
    const text = `${argument} has ${value.length} entries; allowed: up to ${MAX_CLIENT_IDS}`;
    throw new RangeError(text);
  }
  // Not `map`, which skips the holes of a list.
  return Array.from(value, (id, index) =>
    parseClientIdArgument(`${argument}[${index}]`, id),
  ).filter((address) => address !== undefined);
}

/**
 * Parses a uid. A number means its decimal string.
 *
 * @throws {TypeError} when it is neither a string nor a safe integer, is empty or is not well-formed Unicode
 * @throws {RangeError} when it is longer than 65,535 bytes
 */
export function parseUid(value: unknown): string {
  return parseName('uid', uidText(value), UID);
}

/**
 * Parses one uid or a list of uids. The result has no duplicates.
 *
 * @throws as `parseUid`, and a RangeError when together they take more than 8 MiB
 */
export function parseUids(value: unknown): string[] {
  if (!Array.isArray(value)) return [parseUid(value)];
  return parseNameList('uid', value, MAX_SEND_NAMES_BYTES, parseUidEntry);
}

/**
 * Parses a list of uids. The result has no duplicates.
 *
 * @throws {TypeError} when it is not a list, or an entry is not a uid
 * @throws {RangeError} when an entry is longer than 65,535 bytes, or together they take more than 16 MiB
 */
export function parseUidList(argument: string, value: unknown): string[] {
  return parseNameList(argument, value, MAX_NAMES_BYTES, parseUidEntry);
}

/**
 * Parses a group.
 *
 * @throws {TypeError} when it is not a string, is empty or is not well-formed Unicode
 * @throws {RangeError} when it is longer than 65,535 bytes
 */
export function parseGroup(value: unknown): string {
  return parseName('group', value, GROUP);
}

/** Parses one group or a list of groups. The result has no duplicates. @throws as `parseUids` */
export function parseGroups(value: unknown): string[] {
  if (!Array.isArray(value)) return [parseGroup(value)];
  return parseNameList('group', value, MAX_SEND_NAMES_BYTES, parseGroupEntry);
}

/** Parses a list of groups. The result has no duplicates. @throws as `parseUidList` */
export function parseGroupList(argument: string, value: unknown): string[] {
  return parseNameList(argument, value, MAX_NAMES_BYTES, parseGroupEntry);
}

/**
 * Parses a message.
 *
 * @returns the message; bytes of a class of the application as a plain `Uint8Array`, because such a class may report a
 * wrong length
 * @throws {TypeError} when it is neither a string nor bytes
 * @throws {RangeError} when it is larger than 16 MiB
 */
export function parsePayload(value: unknown): Payload {
  if (typeof value === 'string') {
    // UTF-8 takes at most three bytes per UTF-16 unit, so only very long strings need a count.
    if (value.length * 3 > MAX_PAYLOAD_BYTES) {
      assertSize('data', Buffer.byteLength(value), MAX_PAYLOAD_BYTES);
    }
    return value;
  }
  if (!types.isUint8Array(value)) {
    throw wrongType('data', value, 'a string, a Buffer or a Uint8Array');
  }
  const bytes = isPlainBytes(value) ? value : toPlainBytes(value);
  assertSize('data', bytes.byteLength, MAX_PAYLOAD_BYTES);
  return bytes;
}

/** Returns whether bytes are a plain `Buffer` or `Uint8Array`, whose length cannot be overridden. */
export function isPlainBytes(bytes: Uint8Array): boolean {
  const prototype: unknown = Object.getPrototypeOf(bytes);
  if (prototype !== Buffer.prototype && prototype !== Uint8Array.prototype) return false;
  return !(Object.hasOwn(bytes, 'length') || Object.hasOwn(bytes, 'byteLength'));
}

const typedArray: unknown = Object.getPrototypeOf(Uint8Array.prototype);

/** Reads a property of bytes by the getter of the runtime, which their class cannot override. */
function readNative(bytes: Uint8Array, name: 'buffer' | 'byteOffset' | 'byteLength'): unknown {
  return Object.getOwnPropertyDescriptor(typedArray, name)?.get?.call(bytes);
}

function toPlainBytes(bytes: Uint8Array): Uint8Array {
  const buffer = readNative(bytes, 'buffer') as ArrayBuffer;
  const byteOffset = readNative(bytes, 'byteOffset') as number;
  return new Uint8Array(buffer, byteOffset, readNative(bytes, 'byteLength') as number);
}

/**
 * Checks the options of a call.
 *
 * @throws {TypeError} when it is not a plain object, or has a key that is not allowed
 */
export function assertCallOptions<Options extends object>(
  options: Options,
  allowed: readonly (keyof Options & string)[],
): void {
  const expected = `an object with ${allowed.join(', ')}`;
  if (!isPlainObject(options)) throw wrongType('options', options, expected);
  const names: readonly string[] = allowed;
  const unknown = Object.keys(options).find((key) => !names.includes(key));
  if (unknown === undefined) return;
  throw new TypeError(`options.${unknown} is unknown; allowed: ${expected}`);
}

/** Options of a close. */
export interface CloseOptions {
  /** Close code: 1000 to 1014 except the reserved ones, or 3000 to 4999. @default 1000 */
  readonly code?: number;
  /** Close reason, at most 123 bytes of UTF-8. @default '' */
  readonly reason?: string;
}

/**
 * Checks the arguments of a close.
 *
 * @throws {TypeError} when the data or the reason is of a wrong type
 * @throws {RangeError} when the code must not be sent or the reason is too long
 */
export function parseClose(data: unknown, options: CloseOptions = {}): CloseRequest {
  assertCallOptions(options, ['code', 'reason']);
  const { code = CloseCode.Normal, reason = '' } = options;
  const payload = data === undefined || data === null ? undefined : parsePayload(data);
  if (!isSendableCloseCode(code)) {
    const allowed = '1000 to 1014 except the reserved ones, or 3000 to 4999';
    throw new RangeError(`code is ${describeValue(code)}; allowed: ${allowed}`);
  }
  if (typeof reason !== 'string') throw wrongType('reason', reason, 'a string');
  if (Buffer.byteLength(reason) > MAX_CLOSE_REASON_BYTES) {
    throw new RangeError(`reason is longer than ${MAX_CLOSE_REASON_BYTES} bytes`);
  }
  return { code, reason, payload };
}

/** @throws {RangeError} with the name of the argument, when it is too large */
export function assertSize(argument: string, byteLength: number, max: number): void {
  if (byteLength <= max) return;
  throw new RangeError(`${argument} takes ${byteLength} bytes; allowed: up to ${max}`);
}

/** Creates the error for an argument of a wrong type. */
export function wrongType(argument: string, value: unknown, allowed: string): TypeError {
  return new TypeError(`${argument} is ${describeValue(value)}; allowed: ${allowed}`);
}

function parseUidEntry(argument: string, value: unknown): string {
  return parseName(argument, uidText(value), UID);
}

function parseGroupEntry(argument: string, value: unknown): string {
  return parseName(argument, value, GROUP);
}

function parseName(argument: string, value: unknown, allowed: string): string {
  if (typeof value !== 'string' || value === '') throw wrongType(argument, value, allowed);
  if (!value.isWellFormed()) {
    throw new TypeError(`${argument} has half a surrogate pair; allowed: well-formed Unicode`);
  }
  // UTF-8 takes at most three bytes per UTF-16 unit, so short names need no count.
  if (value.length * 3 > MAX_NAME_BYTES && Buffer.byteLength(value) > MAX_NAME_BYTES) {
    throw new RangeError(`${argument} is longer than ${MAX_NAME_BYTES} bytes`);
  }
  return value;
}

function parseNameList(
  argument: string,
  value: unknown,
  maxBytes: number,
  parse: (argument: string, entry: unknown) => string,
): string[] {
  if (!Array.isArray(value)) throw wrongType(argument, value, 'a list');
  const names = new Set<string>();
  let byteLength = 0;
  for (const [index, entry] of value.entries()) {
    const name = parse(`${argument}[${index}]`, entry);
    if (names.has(name)) continue;
    names.add(name);
    byteLength += Buffer.byteLength(name) + NAME_HEADER_BYTES;
    // Checked in the loop: V8 takes long for a set of many long strings of the same length.
    assertSize(argument, byteLength, maxBytes);
  }
  return [...names];
}

/** Converts a number to its decimal string. */
function uidText(value: unknown): unknown {
  return Number.isSafeInteger(value) ? String(value) : value;
}
