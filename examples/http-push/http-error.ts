import { GatewayWorkerError } from 'gatewayworker';

/** HTTP status of each error code. */
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

/** Error code for programs; the message is for users. */
export type ErrorCode = keyof typeof errorStatus;

/** An error that is sent to the page as `{ error, message }`. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Converts any thrown value into the error that is sent to the page. */
export function toHttpError(thrown: unknown): HttpError {
  if (thrown instanceof HttpError) return thrown;
  if (isOutage(thrown)) {
    const message = 'The pages cannot be reached right now. Please try again in a moment.';
    return new HttpError('cluster_unreachable', message, { cause: thrown });
  }
  return fromFastify(thrown) ?? toInternal(thrown);
}

/**
 * Returns true for an outage of the cluster: no gateway is linked, or one did not answer
 * (`PartialResultError`). These errors are `retryable`.
 */
function isOutage(thrown: unknown): boolean {
  return thrown instanceof GatewayWorkerError && thrown.retryable;
}

/** Converts an error of Fastify for a rejected request; undefined for other errors. */
function fromFastify(thrown: unknown): HttpError | undefined {
  if (!(thrown instanceof Error) || !('statusCode' in thrown)) return undefined;
  const options = { cause: thrown };
  switch (thrown.statusCode) {
    case 400:
      return new HttpError('invalid', thrown.message, options);
    case 413:
      return new HttpError('too_large', 'The request body is too large.', options);
    case 415:
      return new HttpError('wrong_content_type', 'Please send application/json.', options);
    default:
      return undefined;
  }
}

function toInternal(cause: unknown): HttpError {
  return new HttpError('internal', 'Internal error.', { cause });
}
