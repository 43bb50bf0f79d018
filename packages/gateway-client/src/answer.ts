import { GatewayWorkerError } from '@gatewayworker/core';
import {
  isPlainObject,
  type SessionOfClient,
  type UidPresence,
  unpackValue,
} from '@gatewayworker/protocol';

/** Checks that an answer is a boolean. @throws {GW_ERR_FRAME_MALFORMED} like every check in this file */
export function parseBoolean(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer;
  throw malformed('a boolean');
}

/** Checks that an answer is a count. */
export function parseCount(answer: unknown): number {
  if (typeof answer === 'number' && Number.isInteger(answer) && answer >= 0) return answer;
  throw malformed('a count');
}

/** Checks that an answer is a string or null. */
export function parseOptionalString(answer: unknown): string | null {
  if (answer === null || typeof answer === 'string') return answer;
  throw malformed('a string or null');
}

/** Checks that an answer is a list of strings. */
export function parseStrings(answer: unknown): string[] {
  if (Array.isArray(answer) && answer.every((entry) => typeof entry === 'string')) return answer;
  throw malformed('a list of strings');
}

/** Checks the clients of a uid at one gateway. */
export function parseUidPresence(answer: unknown): UidPresence {
  if (!isPlainObject(answer)) throw malformed('the state of a uid');
  const { isOnline, isParked, agoMs } = answer;
  return {
    isOnline: isOnline === true,
    isParked: isParked === true,
    agoMs: agoMs == null ? undefined : parseCount(agoMs),
  };
}

/** Creates a check for a list of `length` entries, each checked by `parse`. */
export function parseList<T>(
  parse: (entry: unknown) => T,
  length: number,
): (answer: unknown) => T[] {
  return (answer) => {
    if (!Array.isArray(answer) || answer.length !== length) {
      throw malformed(`a list of ${length} entries`);
    }
    return answer.map((entry: unknown) => parse(entry));
  };
}

/** Creates a check for a list of names with values, each value checked by `parse`. */
export function parsePairs<T>(
  parse: (value: unknown) => T,
): (answer: unknown) => [name: string, value: T][] {
  return (answer) => {
    if (!Array.isArray(answer)) throw malformed('a list of pairs');
    return answer.map((entry: unknown) => {
      if (!Array.isArray(entry) || entry.length !== 2) throw malformed('a list of pairs');
      const [name, value]: unknown[] = entry;
      if (typeof name !== 'string') throw malformed('a list of pairs');
      return [name, parse(value)];
    });
  };
}

/** Parses the session of one client: `null` for an unknown client, `undefined` when it was never set. */
export function parseSessionAnswer<Session>(answer: unknown): Session | null | undefined {
  if (answer === null) return null;
  if (!isPlainObject(answer)) throw malformed('a session or null');
  return parseSession(answer['session'] ?? null);
}

/** Parses sessions by client id; a session that was never set is `undefined`. */
export function parseSessions<Session>(
  answer: unknown,
): [clientId: string, session: Session | undefined][] {
  if (!Array.isArray(answer)) throw malformed('a list of sessions');
  return answer.map((entry: unknown) => {
    if (!isSessionOfClient(entry)) throw malformed('a list of sessions');
    return [entry[0], parseSession(entry[1])];
  });
}

function parseSession<Session>(packed: unknown): Session | undefined {
  if (packed === null) return undefined;
  if (!(packed instanceof Uint8Array)) throw malformed('a session');
  // The application chooses the type of its sessions.
  return unpackValue(packed) as Session;
}

function isSessionOfClient(entry: unknown): entry is SessionOfClient {
  if (!Array.isArray(entry) || entry.length !== 2) return false;
  const [clientId, session]: unknown[] = entry;
  return typeof clientId === 'string' && (session === null || session instanceof Uint8Array);
}

function malformed(expected: string): GatewayWorkerError {
  return new GatewayWorkerError('GW_ERR_FRAME_MALFORMED', `the answer is not ${expected}`);
}
