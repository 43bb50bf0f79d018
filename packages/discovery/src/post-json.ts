import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { toError } from '@gatewayworker/core';

/**
 * Posts a body as JSON. It follows no redirect, which would send a password or a token to a host that the operator did
 * not configure.
 *
 * `fetch` cannot be used: the garbage collector may collect its abort signal while a response streams. An abort then
 * has no effect, and a response that sends nothing is awaited indefinitely.
 *
 * @param signal - aborts the request, or the response while it is read
 * @returns the response, once its headers are received
 */
export function postJson(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const send = url.startsWith('https:') ? requestTls : requestPlain;
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = send(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
    });
    let response: IncomingMessage | undefined;
    const abort = (): void => {
      (response ?? request).destroy(toError(signal.reason));
    };
    signal.addEventListener('abort', abort);
    request.on('close', () => signal.removeEventListener('abort', abort));
    request.on('error', reject);
    request.on('response', (message) => {
      response = message;
      resolve(message);
    });
    if (signal.aborted) abort();
    request.end(text);
  });
}
