import { GatewayWorkerError } from 'gatewayworker';
import type { ErrorCode } from '../shared/error-code.ts';
import type { ErrorBody } from '../shared/http-api.ts';

/** An error that a client is told of, over HTTP and on the websocket alike. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  /** When trying again makes sense, in milliseconds from now. */
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

/** Makes the error that a client is told of out of whatever was thrown. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  // No gateway is linked, or one of them did not answer.
  if (thrown instanceof GatewayWorkerError && thrown.retryable) {
    const message = 'The others cannot be reached right now. Please try again in a moment.';
    return new AppError('cluster_unreachable', message, { cause: thrown, retryAfterMs: 1000 });
  }
  if (isDatabaseOutage(thrown)) return busy('The database does not answer right now.', thrown);
  return new AppError('internal', 'Something went wrong on the server.', { cause: thrown });
}

/** A queue is full, or something that all need is away for a while. */
export function busy(what: string, cause?: unknown): AppError {
  return new AppError('busy', `${what} Please try again in a moment.`, {
    retryAfterMs: 1000,
    ...(cause === undefined ? {} : { cause }),
  });
}

export function invalid(message: string): AppError {
  return new AppError('invalid', message);
}

/** What a client gets to read of an error. */
export function toErrorBody({ code, message, retryAfterMs }: AppError): ErrorBody {
  return { error: code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** Code that a driver gives its error; undefined for anything else. */
export function driverCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/**
 * Tells a database that is away, or held by another process for too long, from a fault of ours.
 *
 * PostgreSQL: class 08 is connections, 53 resources, 57 an operator, 40 a conflict of transactions.
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
  // pg has no code for these two.
  const message = thrown instanceof Error ? thrown.message : '';
  return /^(?:Connection terminated|timeout exceeded when trying to connect)/.test(message);
}
