import { types } from 'node:util';
import { type Payload, PayloadFlag, type ReceivedRequest } from '@gatewayworker/protocol';
import { RequestError } from './request-error.ts';

/** The answer to a request, as it is sent. */
export interface EncodedReply {
  readonly data: Payload;
  readonly isFailed: boolean;
}

/**
 * Returns the data of a request: the value of its JSON, `undefined` when it has none, or its bytes.
 *
 * @throws {RequestError} with the code `bad-request`, when it is no JSON
 */
export function decodeRequestData({ payload, flags }: ReceivedRequest): unknown {
  // A copy, because the frame is reused.
  if ((flags & PayloadFlag.Binary) !== 0) return Buffer.from(payload);
  if (payload.length === 0) return undefined;
  try {
    return JSON.parse(payload.toString());
  } catch (cause) {
    throw new RequestError('bad-request', 'the data is not JSON', { cause });
  }
}

/**
 * Encodes the result of `onRequest`: bytes as they are, any other value as JSON.
 *
 * @throws {TypeError} when JSON cannot express it
 */
export function encodeReply(result: unknown): EncodedReply {
  if (types.isUint8Array(result)) return { data: result, isFailed: false };
  // `undefined` and functions have no JSON.
  return { data: JSON.stringify(result) ?? '', isFailed: false };
}

/** Encodes a failure. Only a RequestError may be shown to clients. */
export function encodeFailure(error: unknown): EncodedReply {
  const { code, message } =
    error instanceof RequestError ? error : { code: 'internal', message: 'internal error' };
  return { data: JSON.stringify({ code, message }), isFailed: true };
}
