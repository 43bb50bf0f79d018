import { describeValue } from '@gatewayworker/core';
import {
  type ClientAddress,
  CloseCode,
  type CloseRequest,
  isPlainObject,
  isSendableCloseCode,
  MAX_CLOSE_REASON_BYTES,
  MAX_SESSION_BYTES,
  type Payload,
  packValue,
  parseClientId,
} from '@gatewayworker/protocol';

/** Longest uid or group, in bytes of UTF-8. */
const MAX_NAME_BYTES = 65_535;

/** Largest message: it fits into an inner frame beside any header. */
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

/** Most bytes that the names of one query take, in the frame with their lengths. */
const MAX_NAMES_BYTES = 16 * 1024 * 1024;

/** Bytes that a name takes in a frame beside its own, at the most. */
const NAME_HEADER_BYTES = 5;

/**
 * Reads a client id.
 *
 * @returns `undefined` when the text is no client id: it addresses nobody, as a stale one does
 * @throws {TypeError} when it is no string or empty
 */
export function parseClientIdArgument(argument: string, value: unknown): ClientAddress | undefined {
  if (typeof value !== 'string' || value === '')
    throw wrongType(argument, value, 'a non-empty string');
  return parseClientId(value);
}

/**
 * Reads a list of client ids, or one; those that are no client ids are left out.
 *
 * @throws {TypeError} when an entry is no string or empty
 */
export function parseClientIdsArgument(argument: string, value: unknown): ClientAddress[] {
  return toList(value)
    .map((entry) => parseClientIdArgument(argument, entry))
    .filter((address) => address !== undefined);
}

/**
 * Reads a uid; a number stands for its decimal string.
 *
 * @throws {TypeError} when it is anything else, or empty
 * @throws {RangeError} when it is longer than 65,535 bytes
 */
export function parseUid(value: unknown): string {
  return parseName('uid', uidText(value));
}

/** Reads one uid or a list of them. @throws as `parseUid` */
export function parseUids(value: unknown): string[] {
  return toList(value).map(parseUid);
}

/**
 * Reads a list of uids; each is in the result once.
 *
 * @throws {TypeError} when it is no list, or an entry is no uid
 * @throws {RangeError} when an entry is longer than 65,535 bytes, or all of them take more than 16 MiB
 */
export function parseUidList(argument: string, value: unknown): string[] {
  return parseNameList(argument, value, uidText);
}

/**
 * Reads a group.
 *
 * @throws {TypeError} when it is no string or empty
 * @throws {RangeError} when it is longer than 65,535 bytes
 */
export function parseGroup(value: unknown): string {
  return parseName('group', value);
}

/** Reads one group or a list of them. @throws as `parseGroup` */
export function parseGroups(value: unknown): string[] {
  return toList(value).map(parseGroup);
}

/** Reads a list of groups; each is in the result once. @throws as `parseUidList` */
export function parseGroupList(argument: string, value: unknown): string[] {
  return parseNameList(argument, value, (entry) => entry);
}

/**
 * Checks what is sent.
 *
 * @throws {TypeError} when it is neither a string nor bytes
 * @throws {RangeError} when it is larger than 16 MiB
 */
export function assertPayload(value: unknown): asserts value is Payload {
  if (typeof value === 'string') {
    // Three bytes a unit is the most UTF-8 takes: only huge strings need a count.
    if (value.length * 3 <= MAX_PAYLOAD_BYTES) return;
    assertSize('data', Buffer.byteLength(value), MAX_PAYLOAD_BYTES);
  } else if (value instanceof Uint8Array) {
    assertSize('data', value.byteLength, MAX_PAYLOAD_BYTES);
  } else {
    throw wrongType('data', value, 'a string, a Buffer or a Uint8Array');
  }
}

/** Options of a close. */
export interface CloseOptions {
  /** Close code: 1000 to 1014 but for the reserved ones, or 3000 to 4999. @default 1000 */
  readonly code?: number;
  /** At most 123 bytes of UTF-8. @default '' */
  readonly reason?: string;
}

/**
 * Checks how a client is to be closed.
 *
 * @throws {TypeError} when the data or the reason is of a wrong type
 * @throws {RangeError} when the code may not be sent or the reason is too long
 */
export function parseClose(data: unknown, options: CloseOptions = {}): CloseRequest {
  const { code = CloseCode.Normal, reason = '' } = options;
  if (data !== undefined && data !== null) assertPayload(data);
  if (!isSendableCloseCode(code)) {
    const allowed = '1000 to 1014 but for the reserved ones, or 3000 to 4999';
    throw new RangeError(`code is ${describeValue(code)}; allowed: ${allowed}`);
  }
  if (typeof reason !== 'string') throw wrongType('reason', reason, 'a string');
  if (Buffer.byteLength(reason) > MAX_CLOSE_REASON_BYTES) {
    throw new RangeError(`reason is longer than ${MAX_CLOSE_REASON_BYTES} bytes`);
  }
  return { code, reason, payload: data ?? undefined };
}

/**
 * Packs a session.
 *
 * @throws {TypeError} when it is no plain object or holds what msgpack cannot carry
 * @throws {RangeError} when it takes more than 1 MiB
 */
export function packSession(argument: string, session: unknown): Buffer {
  if (!isPlainObject(session)) throw wrongType(argument, session, 'a plain object');
  let packed: Buffer;
  try {
    packed = packValue(session);
  } catch (error) {
    throw notSerialisable(argument, error);
  }
  assertSize(argument, packed.byteLength, MAX_SESSION_BYTES);
  return packed;
}

function assertSize(argument: string, byteLength: number, max: number): void {
  if (byteLength <= max) return;
  throw new RangeError(`${argument} takes ${byteLength} bytes; allowed: up to ${max}`);
}

function notSerialisable(argument: string, cause: unknown): TypeError {
  return new TypeError(`${argument} cannot be serialised`, { cause });
}

function parseName(argument: string, value: unknown): string {
  if (typeof value !== 'string' || value === '')
    throw wrongType(argument, value, 'a non-empty string');
  // Three bytes a unit is the most UTF-8 takes: short names need no count.
  if (value.length * 3 > MAX_NAME_BYTES && Buffer.byteLength(value) > MAX_NAME_BYTES) {
    throw new RangeError(`${argument} is longer than ${MAX_NAME_BYTES} bytes`);
  }
  return value;
}

function parseNameList(
  argument: string,
  value: unknown,
  toText: (entry: unknown) => unknown,
): string[] {
  if (!Array.isArray(value)) throw wrongType(argument, value, 'a list');
  const names = new Set<string>();
  let byteLength = 0;
  for (const [index, entry] of value.entries()) {
    const name = parseName(`${argument}[${index}]`, toText(entry));
    if (names.has(name)) continue;
    names.add(name);
    byteLength += Buffer.byteLength(name) + NAME_HEADER_BYTES;
  }
  assertSize(argument, byteLength, MAX_NAMES_BYTES);
  return [...names];
}

/** A number stands for its decimal string. */
function uidText(value: unknown): unknown {
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : value;
}

function toList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function wrongType(argument: string, value: unknown, allowed: string): TypeError {
  return new TypeError(`${argument} is ${describeValue(value)}; allowed: ${allowed}`);
}
