/**
 * Close codes that gateways send to websocket clients on their own.
 *
 * Source: RFC 6455 7.4.1 and the IANA registry of WebSocket close codes.
 */
export const CloseCode = {
  /** The purpose of the connection is fulfilled. */
  Normal: 1000,
  /** The server shuts down. */
  GoingAway: 1001,
  ProtocolError: 1002,
  /** A text message is not UTF-8. */
  InvalidPayload: 1007,
  /** The client violated a policy, such as a rate limit. */
  PolicyViolation: 1008,
  MessageTooBig: 1009,
  /** The server failed while serving this client. */
  InternalError: 1011,
  /** The server restarts; the client should reconnect after a random delay. */
  ServiceRestart: 1012,
  /** The server is overloaded or the client is a slow consumer; the client should reconnect later. */
  TryAgainLater: 1013,
  /** The client protocol: the client sent nothing in time. */
  Silence: 4408,
  /** The client protocol: the session is on another connection. */
  Moved: 4412,
  /** The client protocol: the window for a resume is over. */
  SessionOver: 4451,
  /** The client protocol: the application refused to resume the session. */
  ResumeRefused: 4452,
  /** The client protocol: the application refused the client. */
  Refused: 4501,
} as const;

/** A close code that gateways send on their own. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** Longest reason of a close frame, in bytes of UTF-8: 125 without the two of the code (RFC 6455 5.5). */
export const MAX_CLOSE_REASON_BYTES = 123;

/** Tells whether an application may send a code: 1000 to 1014 except the reserved ones, or 3000 to 4999. */
export function isSendableCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}
