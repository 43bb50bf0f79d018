import { isUtf8 } from 'node:buffer';
import type { Logger } from '@gatewayworker/core';
import type { ByteWriter } from '@gatewayworker/protocol';
import { isUnexpectedPromise } from '../unexpected-promise.ts';
import type { ClientProtocol } from './client-protocol.ts';

/** A message in the byte stream of a client. */
export interface StreamMessage {
  readonly payload: Buffer;
  readonly isBinary: boolean;
  /** Bytes in the stream, delimiters included. */
  readonly byteLength: number;
}

/** A message is longer than `maxMessageBytes`. */
export class MessageTooBigError extends Error {}

/** A client violates a built-in protocol. `decode` of a custom protocol may throw any error. */
export class StreamProtocolError extends Error {}

/** How messages are encoded in a byte stream. */
export interface StreamProtocol {
  /**
   * Returns the first message.
   *
   * @param searched - bytes that earlier calls have searched without success
   * @returns `undefined` when the message is incomplete
   * @throws {MessageTooBigError} when the message will be longer than `maxBytes`
   * @throws {StreamProtocolError} when the bytes violate the protocol
   * @throws {Error} when a custom protocol fails
   */
  decode(bytes: Buffer, searched: number, maxBytes: number): StreamMessage | undefined;
  /** Writes one message. @throws {Error} when it cannot be encoded; nothing is written then */
  encode(writer: ByteWriter, payload: Buffer, isBinary: boolean): void;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Lines of UTF-8, each ended by LF or CR LF. */
const text: StreamProtocol = {
  decode(bytes, searched) {
    const end = bytes.indexOf(LINE_FEED, searched);
    if (end < 0) return undefined;
    const hasReturn = end > 0 && bytes[end - 1] === CARRIAGE_RETURN;
    const payload = bytes.subarray(0, hasReturn ? end - 1 : end);
    if (!isUtf8(payload)) throw new StreamProtocolError('a line is not UTF-8');
    return { payload, isBinary: false, byteLength: end + 1 };
  },
  encode(writer, payload) {
    writer.writeBytes(payload);
    writer.writeU8(LINE_FEED);
  },
};

const LENGTH_BYTES = 4;

/** `| u32 total length, its own bytes included, big-endian | payload |`. */
const frame: StreamProtocol = {
  decode(bytes, _searched, maxBytes) {
    if (bytes.length < LENGTH_BYTES) return undefined;
    const byteLength = bytes.readUInt32BE(0);
    if (byteLength < LENGTH_BYTES) {
      throw new StreamProtocolError(`a frame has the length ${byteLength}; allowed: from 4 bytes`);
    }
    if (byteLength - LENGTH_BYTES > maxBytes) throw new MessageTooBigError();
    if (bytes.length < byteLength) return undefined;
    return { payload: bytes.subarray(LENGTH_BYTES, byteLength), isBinary: true, byteLength };
  },
  encode(writer, payload) {
    writer.writeU32(payload.length + LENGTH_BYTES);
    writer.writeBytes(payload);
  },
};

/** The bytes of each read as one message. */
const tcp: StreamProtocol = {
  decode(bytes, _searched, maxBytes) {
    const payload = bytes.subarray(0, maxBytes);
    return { payload, isBinary: true, byteLength: payload.length };
  },
  encode(writer, payload) {
    writer.writeBytes(payload);
  },
};

/** The built-in protocols, by scheme. */
export const streamProtocols: ReadonlyMap<string, StreamProtocol> = new Map([
  ['text', text],
  ['frame', frame],
  ['tcp', tcp],
]);

/** Adapts a custom protocol, and checks its return values. */
export function adaptClientProtocol(protocol: ClientProtocol, logger: Logger): StreamProtocol {
  const reported = new Set<string>();
  /** @throws {Error} for a promise; logged once per method, because an `async` method returns one every time */
  const refusePromise = (method: string, value: unknown): void => {
    if (!isUnexpectedPromise(value)) return;
    if (!reported.has(method)) {
      reported.add(method);
      logger.error(
        { method },
        'a method of the protocol returned a promise; it must be synchronous',
      );
    }
    throw new Error(`${method} returned a promise`);
  };
  return {
    decode(bytes) {
      const decoded = protocol.decode(bytes);
      if (decoded === undefined || decoded === null) return undefined;
      refusePromise('decode', decoded);
      const { message, byteLength } = decoded;
      refusePromise('decode', message);
      if (!Number.isInteger(byteLength) || byteLength < 1 || byteLength > bytes.length) {
        const allowed = `allowed: 1 to ${bytes.length}`;
        throw new Error(`decode returned the byteLength ${String(byteLength)}; ${allowed}`);
      }
      return { ...toPayload('decode', message), byteLength };
    },
    encode(writer, payload, isBinary) {
      const data = isBinary ? Buffer.from(payload) : payload.toString('utf8');
      const encoded = protocol.encode(data);
      refusePromise('encode', encoded);
      writer.writeBytes(toPayload('encode', encoded).payload);
    },
  };
}

function toPayload(method: string, value: unknown): { payload: Buffer; isBinary: boolean } {
  if (typeof value === 'string') return { payload: Buffer.from(value), isBinary: false };
  if (value instanceof Uint8Array) {
    const { buffer, byteOffset, byteLength } = value;
    return { payload: Buffer.from(buffer, byteOffset, byteLength), isBinary: true };
  }
  throw new Error(`${method} returned neither a string nor bytes`);
}
