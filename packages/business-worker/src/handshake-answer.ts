import { packSession, parseGroupList, parseUid } from '@gatewayworker/gateway-client';
import { type HandshakeDecision, isPlainObject } from '@gatewayworker/protocol';

/** Maximum length of the reason of a refusal, in characters. */
const MAX_REASON_LENGTH = 1024;

/** Maximum length of the names of all groups together, in characters. */
const MAX_GROUPS_LENGTH = 1_000_000;

/** Keys of the result of `onHandshake`. */
const answerKeys = ['accept', 'uid', 'session', 'groups', 'status', 'reason'];

/** Decision about a client for which `onHandshake` has failed. */
export const failedDecision: HandshakeDecision = Object.freeze(
  refusal(500, 'the handshake failed'),
);

/**
 * Checks the result of `onHandshake`.
 *
 * @throws {TypeError} when a field is unknown or of a wrong type
 * @throws {RangeError} when the status is not within 400 to 599, or a field is too large
 */
export function parseHandshakeAnswer(answer: unknown): HandshakeDecision {
  if (!isPlainObject(answer))
    throw new TypeError('the result of onHandshake is not a plain object');
  const unknown = Object.keys(answer).find((key) => !answerKeys.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(`${unknown} is unknown; allowed: ${answerKeys.join(', ')}`);
  }
  const { accept, uid, session, groups = [], status = 403, reason = 'refused' } = answer;
  if (typeof accept !== 'boolean')
    throw new TypeError('accept is not a boolean; allowed: true or false');
  if (!accept) return parseRefusal(status, reason);
  const names = parseGroupList('groups', groups);
  if (names.join().length > MAX_GROUPS_LENGTH) {
    throw new RangeError(
      `the names of groups are longer than ${MAX_GROUPS_LENGTH} characters together`,
    );
  }
  return {
    isAccepted: true,
    status: 101,
    reason: '',
    uid: uid === undefined ? undefined : parseUid(uid),
    session: session === undefined ? undefined : packSession('session', session),
    groups: names,
  };
}

function parseRefusal(status: unknown, reason: unknown): HandshakeDecision {
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 400 || status > 599) {
    throw new RangeError(`status is ${String(status)}; allowed: 400 to 599`);
  }
  if (typeof reason !== 'string') throw new TypeError('reason is not a string');
  if (reason.length > MAX_REASON_LENGTH) {
    throw new RangeError(`reason is longer than ${MAX_REASON_LENGTH} characters`);
  }
  return refusal(status, reason);
}

function refusal(status: number, reason: string): HandshakeDecision {
  return { isAccepted: false, status, reason, uid: undefined, session: undefined, groups: [] };
}
