import { GatewayWorkerError, toError } from '@gatewayworker/core';
import {
  applyPackedSessionDelta,
  checkMsgpack,
  isPlainObject,
  MAX_SESSION_BYTES,
  MAX_SESSION_LEVELS,
  mergeSession,
  packValue,
  replaceSession,
  type SessionData,
  type SessionDelta,
  unpackValue,
  unsetSession,
} from '@gatewayworker/protocol';

/**
 * The session of one client. It is kept packed: an idle session is one small buffer, and it travels
 * as it is.
 */
export class SessionStore {
  #packed: Buffer | undefined;

  /** The session as msgpack; `undefined` when it was never set. */
  get packed(): Buffer | undefined {
    return this.#packed;
  }

  /** Replaces the session and answers what changed. */
  replace(session: SessionData): SessionDelta {
    return this.apply(replaceSession(session));
  }

  /** Merges a partial session deeply and answers what changed. */
  merge(partial: SessionData): SessionDelta {
    return this.apply(mergeSession(partial));
  }

  /**
   * Applies what somebody changed.
   *
   * @throws {GW_ERR_SESSION_INVALID} when the session would take more than `MAX_SESSION_BYTES` or be nested more than
   * 100 levels deep; it then stays as it is
   */
  apply(delta: SessionDelta): SessionDelta {
    const packed = applyPackedSessionDelta(this.#packed, delta);
    if (packed !== undefined) assertSession(packed);
    this.#packed = packed;
    return delta;
  }

  /** The change that makes any copy of the session the same as this one. */
  whole(): SessionDelta {
    return this.#packed === undefined ? unsetSession() : replaceSession(parseSession(this.#packed));
  }

  /** Takes a session that was packed elsewhere. */
  restore(packed: Uint8Array | undefined): void {
    this.#packed = packed === undefined ? undefined : packValue(parseSession(packed));
  }

  /** Takes a session that the store of another process has kept, which has checked it. */
  adopt(packed: Buffer | undefined): void {
    // A copy of its own size: the bytes lie among other things of that process.
    this.#packed = packed === undefined ? undefined : Buffer.concat([packed]);
  }
}

/** A deeper session would be too deep for the frame that carries its change to a worker. */
function assertSession(packed: Buffer): void {
  if (packed.length > MAX_SESSION_BYTES) {
    const text = `a session would take ${packed.length} bytes; allowed: up to ${MAX_SESSION_BYTES}`;
    throw new GatewayWorkerError('GW_ERR_SESSION_INVALID', text);
  }
  try {
    checkMsgpack(packed, MAX_SESSION_LEVELS);
  } catch (thrown) {
    const cause = toError(thrown);
    throw new GatewayWorkerError('GW_ERR_SESSION_INVALID', cause.message, { cause });
  }
}

/**
 * Reads a packed session.
 *
 * @throws {GW_ERR_SESSION_INVALID} when it is not an object
 */
export function parseSession(packed: Uint8Array): SessionData {
  const session = unpackValue(packed);
  if (isPlainObject(session)) return session;
  throw new GatewayWorkerError('GW_ERR_SESSION_INVALID', 'a session is not a plain object');
}
