import { GatewayWorkerError, toError } from '@gatewayworker/core';
import {
  applyPackedSessionDelta,
  checkMsgpack,
  isPlainObject,
  MAX_SESSION_BYTES,
  MAX_SESSION_LEVELS,
  mergeDelta,
  packValue,
  replacementDelta,
  type SessionData,
  type SessionDelta,
  unpackValue,
  unsetDelta,
} from '@gatewayworker/protocol';

/**
 * The session of one client. It is kept as msgpack: an idle session is one small buffer, which is sent as it is.
 */
export class SessionStore {
  #packed: Buffer | undefined;

  /** The session as msgpack; `undefined` when it was never set. */
  get packed(): Buffer | undefined {
    return this.#packed;
  }

  /** Replaces the session, and returns the change. */
  replace(session: SessionData): SessionDelta {
    return this.apply(replacementDelta(session));
  }

  /** Merges a partial session deeply, and returns the change. */
  merge(partial: SessionData): SessionDelta {
    return this.apply(mergeDelta(partial));
  }

  /**
   * Applies a change, and returns it.
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

  /** Returns the change that makes any copy equal to this session. */
  whole(): SessionDelta {
    return this.#packed === undefined ? unsetDelta() : replacementDelta(parseSession(this.#packed));
  }

  /** Sets the session that a worker has assigned in a handshake. */
  restore(packed: Uint8Array | undefined): void {
    this.#packed = packed === undefined ? undefined : packValue(parseSession(packed));
  }

  /** Sets the session of the predecessor, which has checked it. */
  adopt(packed: Buffer | undefined): void {
    // A copy, because the bytes are a view of the whole handover message.
    this.#packed = packed === undefined ? undefined : Buffer.concat([packed]);
  }
}

/** Checks size and depth. The depth is limited because the frame that carries a change is limited too. */
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
