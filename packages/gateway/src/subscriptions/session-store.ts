import { GatewayWorkerError } from '@gatewayworker/core';
import {
  applySessionDelta,
  isPlainObject,
  mergeSession,
  packValue,
  replaceSession,
  type SessionData,
  type SessionDelta,
  unpackValue,
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
    return this.apply(mergeSession(this.#read(), partial));
  }

  /** Applies what somebody changed. */
  apply(delta: SessionDelta): SessionDelta {
    const session = applySessionDelta(this.#read(), delta);
    this.#packed = session === undefined ? undefined : packValue(session);
    return delta;
  }

  #read(): SessionData | undefined {
    return this.#packed === undefined ? undefined : parseSession(this.#packed);
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
