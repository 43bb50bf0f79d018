import type { IncomingMessage } from 'node:http';
import { GatewayWorkerError, toError } from '@gatewayworker/core';
import { BoundedAbort } from './bounded-abort.ts';
import type { EtcdAddress } from './discovery-address.ts';
import { postJson } from './post-json.ts';

/** Longest answer, in bytes: the entries of some 10,000 gateways. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** Longest line of a stream, in characters. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

/** Time that an etcd has to answer a call, in milliseconds. */
const CALL_TIMEOUT_MS = 3000;

/**
 * The v3 API of etcd as JSON over HTTP, which every etcd offers, so that no client library is needed.
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
   * Makes one call, such as `/v3/kv/put`. After a failure the next call goes to the next endpoint.
   *
   * @throws {GW_ERR_CONNECT_TIMEOUT} when the etcd cannot be reached, does not answer in time or refuses
   */
  async call(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const deadline = new BoundedAbort(signal, CALL_TIMEOUT_MS);
    return await this.#attempt(signal, async () => {
      const response = await this.#post(path, body, deadline.signal);
      return await readJson(path, response);
    }).finally(() => deadline.release());
  }

  /**
   * Makes a call that is answered by a stream of JSON lines. Resolves when the stream ends.
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
      // Who breaks off a call has nothing against the endpoint.
      if (!signal.aborted) this.#endpoint = (this.#endpoint + 1) % this.#address.endpoints.length;
      const cause = toError(thrown);
      // The error of a host name with several addresses has no text, only a code.
      const why = cause.message || String(Reflect.get(cause, 'code'));
      throw new GatewayWorkerError('GW_ERR_CONNECT_TIMEOUT', `etcd at ${endpoint}: ${why}`, {
        cause,
      });
    }
  }

  async #post(path: string, body: unknown, signal: AbortSignal): Promise<IncomingMessage> {
    const isOld = this.#token !== undefined;
    await this.#authenticate(signal);
    let response = await this.#send(path, body, signal);
    if (!isOk(response) && isOld) {
      // A token expires, by its age or because the etcd was started anew: another one may do.
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
    if (user !== undefined) this.#token ??= await this.#askToken(user, password, signal);
  }

  async #askToken(name: string, password: string, signal: AbortSignal): Promise<string> {
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

/** Also of a redirect, which `postJson` does not follow. */
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

/** Keys and values travel in base64. */
export function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Reads a key or a value. */
export function fromBase64(text: unknown): string {
  return typeof text === 'string' ? Buffer.from(text, 'base64').toString() : '';
}
