import { GatewayWorkerError } from 'gatewayworker';
import type { ErrorCode } from '../shared/error-code.ts';
import type { ErrorBody } from '../shared/http-api.ts';

/** An error that is sent to the client, over HTTP and on the websocket. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  /** When to retry, in milliseconds from now. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options?: ErrorOptions & { retryAfterMs?: number },
  ) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** Converts any thrown value into the error that is sent to the client. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  // No gateway is linked, or one did not answer.
  if (thrown instanceof GatewayWorkerError && thrown.retryable) {
    const message = 'The gateways cannot be reached. Please try again in a moment.';
    return new AppError('cluster_unreachable', message, { cause: thrown, retryAfterMs: 1000 });
  }
  if (isDatabaseOutage(thrown)) return busy('The database does not respond.', thrown);
  return new AppError('internal', 'Internal server error.', { cause: thrown });
}

/** Creates the error for a full queue or an unavailable dependency. */
export function busy(reason: string, cause?: unknown): AppError {
  return new AppError('busy', `${reason} Please try again in a moment.`, {
    retryAfterMs: 1000,
    ...(cause === undefined ? {} : { cause }),
  });
}

export function invalid(message: string): AppError {
  return new AppError('invalid', message);
}

/** The fields of an error that are sent to the client. */
export function toErrorBody({ code, message, retryAfterMs }: AppError): ErrorBody {
  return { error: code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The error code of a database driver; undefined for other errors. */
export function driverCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/**
 * Returns true if the database is unavailable, or locked by another process for too long.
 *
 * PostgreSQL error classes: 08 connection, 40 transaction rollback, 53 insufficient resources, 57 operator intervention.
 */
function isDatabaseOutage(thrown: unknown): boolean {
  const code = driverCode(thrown) ?? '';
  if (
    /^(?:ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|SQLITE_BUSY\w*|SQLITE_LOCKED\w*)$/.test(
      code,
    )
  ) {
    return true;
  }
  if (/^(?:08|40|53|57)[0-9A-Z]{3}$/.test(code)) return true;
  // pg sets no code on these two errors.
  const message = thrown instanceof Error ? thrown.message : '';
  return /^(?:Connection terminated|timeout exceeded when trying to connect)/.test(message);
}
