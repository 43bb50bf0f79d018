// Constants of their own, because a bundler removes those that a client does not use.

/** Nothing was received for longer than the interval of Ping allows. */
export const CLOSE_SILENCE = 4408;

/** The session is on another connection. */
export const CLOSE_TAKEN_OVER = 4412;

/** A later resume with the same secret has replaced the session. */
export const CLOSE_SUPERSEDED = 4450;

/** The time in which the session could be resumed has ended. */
export const CLOSE_WINDOW_ENDED = 4451;

/** `onHandshake` of the application has refused the client. */
export const CLOSE_REFUSED = 4501;

/** The gateway violated the protocol; a client cannot send 1002, which browsers do not allow. */
export const CLOSE_GATEWAY_VIOLATION = 4502;

/** The application has closed the session. */
export const CLOSE_BY_APPLICATION = 4503;

/** What a client does after its connection has ended. */
export type CloseAction = 'resume' | 'new-session' | 'stop';

const stops = [1000, 1002, 1003, 1007, 1008, 1009, 1010];

/** Tells what a client does after a close code, which is 1005 or 1006 if the gateway sent none. */
export function closeActionOf(code: number): CloseAction {
  if (code < 3000) return stops.includes(code) ? 'stop' : 'resume';
  if (code < 4400 || code > 4499) return 'stop';
  return code < 4450 ? 'resume' : 'new-session';
}
