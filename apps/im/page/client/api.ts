import type { ErrorCode } from '../../shared/error-code.ts';
import type { ErrorBody } from '../../shared/http-api.ts';
import type { Problem } from '../store/outgoing.ts';

/** An answer that is an error, or none at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode | 'network';

  constructor(code: ErrorCode | 'network', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Whether the login is no longer good. */
  get isLoggedOut(): boolean {
    return this.code === 'token_stale' || this.code === 'not_logged_in';
  }
}

/** What is shown of whatever went wrong. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ApiError) return { code: error.code, message: error.message };
  return { code: 'internal', message: 'Something went wrong. Please try again.' };
}

/** How long an answer may take, in milliseconds. */
const timeoutMs = 30_000;

/** Asks the HTTP API; the login is in a cookie that no script can read. */
export class Api {
  /** Called when the server says that nobody is logged in: `isStale` when somebody was. */
  onLoggedOut: (isStale: boolean) => void = () => undefined;

  async get<Body>(path: string): Promise<Body> {
    return await this.request<Body>('GET', path);
  }

  async post<Body>(path: string, body: object = {}): Promise<Body> {
    return await this.request<Body>('POST', path, body);
  }

  /**
   * @param body - sent as JSON, unless it is form data
   * @throws {ApiError} when the answer is an error, or there is none
   */
  async request<Body>(method: string, path: string, body?: object): Promise<Body> {
    const isForm = body instanceof FormData;
    const response = await fetch(path, {
      method,
      headers: body === undefined || isForm ? {} : { 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      throw new ApiError('network', 'The server cannot be reached.', { cause: error });
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer as Body;
    const error = isErrorBody(answer)
      ? new ApiError(answer.error, answer.message)
      : new ApiError('network', `The server answered ${response.status}.`);
    if (error.isLoggedOut) this.onLoggedOut(error.code === 'token_stale');
    throw error;
  }
}

function isErrorBody(value: unknown): value is ErrorBody {
  return typeof value === 'object' && value !== null && 'error' in value && 'message' in value;
}
