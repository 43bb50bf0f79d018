import type { ErrorCode } from '../../shared/error-code.ts';
import type { ErrorBody } from '../../shared/http-api.ts';

/** A response with a status of 400 or above. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, { error, message, retryAfterMs }: ErrorBody) {
    super(`${status} ${error}: ${message}`);
    this.status = status;
    this.code = error;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Client of the HTTP API, with or without a login. */
export class HttpClient {
  readonly #address: string;
  readonly #token: string | undefined;

  /** @param address - such as `http://127.0.0.1:3002` */
  constructor(address: string, token?: string) {
    this.#address = address;
    this.#token = token;
  }

  async get<Body>(path: string): Promise<Body> {
    return await this.request<Body>('GET', path);
  }

  async post<Body>(path: string, body: object = {}): Promise<Body> {
    return await this.request<Body>('POST', path, body);
  }

  /**
   * @param body - sent as JSON, unless it is form data
   * @throws {RequestError} when the response is an error
   * @throws {TypeError} when there is no response
   */
  async request<Body>(method: string, path: string, body?: object): Promise<Body> {
    const isForm = body instanceof FormData;
    const response = await fetch(this.#address + path, {
      method,
      headers: {
        ...(this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` }),
        ...(body === undefined || isForm ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
      // The API has no redirects; following one would send a password to another host.
      redirect: 'error',
      signal: AbortSignal.timeout(30_000),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new RequestError(response.status, answer as ErrorBody);
    return answer as Body;
  }
}
