import { GatewayWorkerError } from '@gatewayworker/core';
import {
  FrameError,
  type HandshakeDecision,
  MAX_NAME_BYTES,
  MAX_SESSION_BYTES,
} from '@gatewayworker/protocol';
import { parseSession } from '../subscriptions/session-store.ts';

/** Longest reason of a refusal, in characters. */
const MAX_REASON_LENGTH = 1024;

/**
 * Checks the decision of a worker when its frame arrives. Here a wrong value can still close the link; later it would
 * only fail the client.
 *
 * @throws {GW_ERR_FRAME_MALFORMED} when a name is empty or longer than 65,535 bytes, or a refusal has a status
 * outside 400 to 599 or a reason of more than 1,024 characters
 * @throws {GW_ERR_SESSION_INVALID} when the session is not an object, or is larger than `MAX_SESSION_BYTES`
 */
export function assertDecision(decision: HandshakeDecision): void {
  const { isAccepted, status, reason, uid, session, groups } = decision;
  if (!isAccepted) {
    if (status < 400 || status > 599) {
      throw malformed(`a refusal has the status ${status}; allowed: 400 to 599`);
    }
    if (reason.length > MAX_REASON_LENGTH) {
      throw malformed(
        `a reason has ${reason.length} characters; allowed: up to ${MAX_REASON_LENGTH}`,
      );
    }
    return;
  }
  if (uid !== undefined) assertName(uid);
  for (const group of groups) assertName(group);
  if (session === undefined) return;
  if (session.byteLength > MAX_SESSION_BYTES) {
    const text = `a session takes ${session.byteLength} bytes; allowed: up to ${MAX_SESSION_BYTES}`;
    throw new GatewayWorkerError('GW_ERR_SESSION_INVALID', text);
  }
  parseSession(session);
}

function assertName(name: string): void {
  if (name === '') throw malformed('a name is empty');
  const byteLength = Buffer.byteLength(name);
  if (byteLength <= MAX_NAME_BYTES) return;
  throw malformed(`a name takes ${byteLength} bytes; allowed: 1 to ${MAX_NAME_BYTES}`);
}

function malformed(text: string): FrameError {
  return new FrameError('GW_ERR_FRAME_MALFORMED', text);
}
