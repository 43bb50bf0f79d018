import type { Guard } from '@gatewayworker/core';
import type { GatewayLink } from '@gatewayworker/gateway-client';
import type { HandshakeDecision, Message } from '@gatewayworker/protocol';
import type { HandshakeCandidate } from './event-handler.ts';
import { failedDecision } from './handshake-answer.ts';
import { parseHandshakeRequest } from './handshake-request.ts';

/**
 * Handles HandshakeRequest: answers it with the decision of the application.
 *
 * @param decide - `undefined` leaves the request without an answer
 * @throws {FrameError} when the request is malformed
 */
export function decideHandshake(
  link: GatewayLink,
  message: Message<'handshakeRequest'>,
  decide: ((candidate: HandshakeCandidate) => Promise<HandshakeDecision>) | undefined,
  guard: Guard,
): void {
  // Parsed here and not in the promise, so that a malformed request ends the link.
  const request = parseHandshakeRequest(message.request);
  if (decide === undefined) return;
  const { requestId, remoteAddress, remotePort, gatewayPort } = message;
  const address = { remoteAddress, remotePort, gatewayName: link.name, gatewayPort };
  guard.follow(
    'onHandshake decision',
    decide({ ...request, ...address }),
    (decision) => answer(link, requestId, decision),
    () => answer(link, requestId, failedDecision),
  );
}

function answer({ connection }: GatewayLink, requestId: number, decision: HandshakeDecision): void {
  if (connection.isOpen) connection.send({ type: 'handshakeResponse', requestId, ...decision });
}
