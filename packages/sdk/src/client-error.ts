/**
 * Why a call failed. Besides these, the code of a failed request is the code that the application has given to its
 * error.
 *
 * - `queue-full`: as many messages or bytes as allowed wait already.
 * - `too-large`: the message is longer than the gateway accepts.
 * - `expired`: it could not be sent within `ttlMs`.
 * - `cleared`: `clearQueue` has removed it before it was sent.
 * - `timeout`: no reply came within `timeoutMs`.
 * - `aborted`: the signal of the request was aborted.
 * - `session-lost`: it was sent, and the session ended before the application confirmed it. The application may or may
 *   not have handled it.
 * - `closed`: the client is closed.
 */
export type ClientErrorCode =
  | 'queue-full'
  | 'too-large'
  | 'expired'
  | 'cleared'
  | 'timeout'
  | 'aborted'
  | 'session-lost'
  | 'closed';

/** The error of every `send` and `request` that fails. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode | (string & {});

  constructor(code: ClientErrorCode | (string & {}), message: string = code) {
    super(message);
    this.code = code;
  }
}
