import { GatewayWorkerError } from '@gatewayworker/core';
import { FrameError, type HandshakeDecision, MAX_SESSION_BYTES } from '@gatewayworker/protocol';
import { parseSession } from './subscriptions/session-store.ts';

/**
 * Checks what a worker has decided, before anything of it is used: later there is a client that waits,
 * and no link to close for it.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when a name is empty, or a refusal has no status of 400 to 599
 * @throws {GW_ERR_SESSION_INVALID} when the session is not an object, or larger than 1 MiB
 */
export function assertDecision(decision: HandshakeDecision): void {
  const { isAccepted, status, uid, session, groups } = decision;
  if (!isAccepted) {
    if (status < 400 || status > 599) throw malformed(`a handshake is refused with ${status}`);
    return;
  }
  if (uid === '' || groups.includes('')) throw malformed('a name is empty');
  if (session === undefined) return;
  if (session.byteLength > MAX_SESSION_BYTES) {
    const text = `a session takes ${session.byteLength} bytes; allowed: up to ${MAX_SESSION_BYTES}`;
    throw new GatewayWorkerError('GW_ERR_SESSION_INVALID', text);
  }
  parseSession(session);
}

function malformed(text: string): FrameError {
  return new FrameError('GW_ERR_FRAME_MALFORMED', text);
}
