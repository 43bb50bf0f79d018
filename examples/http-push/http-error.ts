import { GatewayWorkerError } from 'gatewayworker';

/** What goes wrong between a page and the app, by the status that it is answered with. */
export const errorStatus = {
  invalid: 400,
  not_logged_in: 401,
  wrong_origin: 403,
  token_forged: 403,
  token_foreign: 403,
  token_expired: 403,
  token_used: 403,
  not_found: 404,
  not_online: 404,
  page_gone: 409,
  too_large: 413,
  wrong_content_type: 415,
  internal: 500,
  busy: 503,
  cluster_unreachable: 503,
} as const;

/** Code of an error: programs go by it, people by the message. */
export type ErrorCode = keyof typeof errorStatus;

/** An error that the page is told of as `{ error, message }`. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Makes the error that a page is told of out of whatever was thrown. */
export function toHttpError(thrown: unknown): HttpError {
  if (thrown instanceof HttpError) return thrown;
  if (isOutage(thrown)) {
    const message = 'The pages cannot be reached right now. Please try again in a moment.';
    return new HttpError('cluster_unreachable', message, { cause: thrown });
  }
  return fromFastify(thrown) ?? toInternal(thrown);
}

/**
 * Tells an outage of the cluster from a fault of ours: no gateway is linked, or one of them did not
 * answer (`PartialResultError`). All that says "later" is of this kind.
 */
function isOutage(thrown: unknown): boolean {
  return thrown instanceof GatewayWorkerError && thrown.retryable;
}

/** Reads what Fastify throws at a request that it does not take; undefined when it is none of that. */
function fromFastify(thrown: unknown): HttpError | undefined {
  if (!(thrown instanceof Error) || !('statusCode' in thrown)) return undefined;
  const options = { cause: thrown };
  switch (thrown.statusCode) {
    case 400:
      return new HttpError('invalid', thrown.message, options);
    case 413:
      return new HttpError('too_large', 'That is too much at once.', options);
    case 415:
      return new HttpError('wrong_content_type', 'Please send application/json.', options);
    default:
      return undefined;
  }
}

function toInternal(cause: unknown): HttpError {
  return new HttpError('internal', 'Something went wrong in the app.', { cause });
}
