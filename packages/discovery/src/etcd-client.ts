import type { IncomingMessage } from 'node:http';
import { GatewayWorkerError, toError } from '@gatewayworker/core';
import { BoundedAbort } from './bounded-abort.ts';
import type { EtcdAddress } from './discovery-address.ts';
import { postJson } from './post-json.ts';

/** Longest answer, in bytes: the entries of about 10,000 gateways. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** Longest line of a stream, in characters. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

/** Time within which an etcd must answer a call, in milliseconds. */
const CALL_TIMEOUT_MS = 3000;

/**
 * Client for the v3 API of etcd, as JSON over HTTP. Every etcd supports it, so no client library is needed.
 *
 * Source: https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/
 */
export class EtcdClient {
  readonly #address: EtcdAddress;
  #endpoint = 0;
  #token: string | undefined;

  constructor(address: EtcdAddress) {
    this.#address = address;
  }

  /**
   * Sends one call, such as `/v3/kv/put`. After a failure the next call uses the next endpoint.
   *
   * @throws {GW_ERR_CONNECT_TIMEOUT} when the etcd cannot be reached, does not answer in time or refuses the call
   */
  async call(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const deadline = new BoundedAbort(signal, CALL_TIMEOUT_MS);
    return await this.#attempt(signal, async () => {
      const response = await this.#post(path, body, deadline.signal);
      return await readJson(path, response);
    }).finally(() => deadline.release());
  }

  /**
   * Sends a call whose answer is a stream of JSON lines. Resolves when the stream ends.
   *
   * @throws {GW_ERR_CONNECT_TIMEOUT} when the etcd cannot be reached, or the stream breaks
   */
  async stream(
    path: string,
    body: unknown,
    signal: AbortSignal,
    onLine: (line: unknown) => void,
  ): Promise<void> {
    await this.#attempt(signal, async () => {
      const response = await this.#post(path, body, signal);
      const decoder = new TextDecoder();
      let rest = '';
      for await (const chunk of response) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > MAX_LINE_CHARACTERS) {
          throw new Error(`a line has more than ${MAX_LINE_CHARACTERS} characters`);
        }
        for (const line of lines) if (line !== '') onLine(JSON.parse(line));
      }
    });
  }

  async #attempt<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (thrown) {
      const endpoint = this.#address.endpoints[this.#endpoint] ?? '';
      // A call that was aborted is no failure of the endpoint.
      if (!signal.aborted) this.#endpoint = (this.#endpoint + 1) % this.#address.endpoints.length;
      const cause = toError(thrown);
      // The error of a host name with several addresses has no message, only a code.
      const why = cause.message || String(Reflect.get(cause, 'code'));
      throw new GatewayWorkerError('GW_ERR_CONNECT_TIMEOUT', `etcd at ${endpoint}: ${why}`, {
        cause,
      });
    }
  }

  async #post(path: string, body: unknown, signal: AbortSignal): Promise<IncomingMessage> {
    const hadToken = this.#token !== undefined;
    await this.#authenticate(signal);
    let response = await this.#send(path, body, signal);
    if (!isOk(response) && hadToken) {
      // The token may have expired, by its age or by a restart of the etcd, so request a new one.
      response.destroy();
      this.#token = undefined;
      await this.#authenticate(signal);
      response = await this.#send(path, body, signal);
    }
    if (isOk(response)) return response;
    this.#token = undefined;
    response.destroy();
    throw refusal(path, response);
  }

  async #authenticate(signal: AbortSignal): Promise<void> {
    const { user, password = '' } = this.#address;
    if (user !== undefined) this.#token ??= await this.#requestToken(user, password, signal);
  }

  async #requestToken(name: string, password: string, signal: AbortSignal): Promise<string> {
    const path = '/v3/auth/authenticate';
    const response = await this.#send(path, { name, password }, signal);
    if (!isOk(response)) {
      response.destroy();
      const { statusCode } = response;
      if (statusCode !== 400 && statusCode !== 401) throw refusal(path, response);
      throw new Error(`the user or the password is refused with status ${statusCode}`);
    }
    const token: unknown = Reflect.get(Object(await readJson(path, response)), 'token');
    if (typeof token === 'string') return token;
    throw new Error(`${path} is answered without a token`);
  }

  #send(path: string, body: unknown, signal: AbortSignal): Promise<IncomingMessage> {
    const endpoint = this.#address.endpoints[this.#endpoint] ?? '';
    const headers = this.#token === undefined ? undefined : { authorization: this.#token };
    return postJson(`${endpoint}${path}`, body, headers ?? {}, signal);
  }
}

function isOk({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** The error for a status other than 2xx, including redirects, which `postJson` does not follow. */
function refusal(path: string, { statusCode }: IncomingMessage): Error {
  return new Error(`${path} is refused with status ${statusCode}`);
}

async function readJson(path: string, response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let byteLength = 0;
  for await (const chunk of response) {
    byteLength += chunk.length;
    if (byteLength > MAX_ANSWER_BYTES) {
      throw new Error(`an answer has more than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (cause) {
    throw new Error(`the answer to ${path} is not JSON`, { cause });
  }
}

/** Encodes a key or a value for the API. */
export function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Decodes a key or a value of the API. */
export function fromBase64(text: unknown): string {
  return typeof text === 'string' ? Buffer.from(text, 'base64').toString() : '';
}
