import type { ErrorCode } from '../../shared/error-code.ts';
import type { ErrorBody } from '../../shared/http-api.ts';
import type { Problem } from '../store/outgoing.ts';

/** An error response, or a failed request. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode | 'network';

  constructor(code: ErrorCode | 'network', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True if the device is not logged in. */
  get isLoggedOut(): boolean {
    return this.code === 'token_stale' || this.code === 'not_logged_in';
  }
}

/** Converts any thrown value into the displayed problem. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ApiError) return { code: error.code, message: error.message };
  return { code: 'internal', message: 'Something went wrong. Please try again.' };
}

/** Timeout of a request, in milliseconds. */
const timeoutMs = 30_000;

/** Client of the HTTP API. The login is in an HttpOnly cookie. */
export class Api {
  /** Called when a response says that the device is not logged in; `isStale` if the login was ended. */
  onLoggedOut: (isStale: boolean) => void = () => undefined;

  async get<Body>(path: string): Promise<Body> {
    return await this.request<Body>('GET', path);
  }

  async post<Body>(path: string, body: object = {}): Promise<Body> {
    return await this.request<Body>('POST', path, body);
  }

  /**
   * @param body - sent as JSON, unless it is form data
   * @throws {ApiError} when the response is an error, or the request fails
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
      : new ApiError('network', `The request failed with status ${response.status}.`);
    if (error.isLoggedOut) this.onLoggedOut(error.code === 'token_stale');
    throw error;
  }
}

function isErrorBody(value: unknown): value is ErrorBody {
  return typeof value === 'object' && value !== null && 'error' in value && 'message' in value;
}
