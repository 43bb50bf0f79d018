/**
 * Close codes that the framework itself sends to websocket clients.
 *
 * Source: RFC 6455 7.4.1 and the IANA registry of WebSocket close codes.
 */
export const CloseCode = {
  /** The connection did what it was for. */
  Normal: 1000,
  /** The server goes away. */
  GoingAway: 1001,
  ProtocolError: 1002,
  /** A text that is not UTF-8. */
  InvalidPayload: 1007,
  /** The client broke a rule of the application's, such as how much it may send. */
  PolicyViolation: 1008,
  MessageTooBig: 1009,
  /** The server failed while it served this client. */
  InternalError: 1011,
  /** The server restarts; come back after a random wait. */
  ServiceRestart: 1012,
  /** The server is overloaded or the client too slow; come back later. */
  TryAgainLater: 1013,
} as const;

/** A close code that the framework itself sends. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** Longest reason of a close frame, in bytes of UTF-8: 125 less the two of the code (RFC 6455 5.5). */
export const MAX_CLOSE_REASON_BYTES = 123;

/** Tells whether an application may send a code: 1000 to 1014 except the reserved ones, or 3000 to 4999. */
export function isSendableCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}
