import { ClientProtocolError } from './client-protocol-error.ts';
import { decodeText, FrameReader } from './frame-reader.ts';
import { encodeText, FrameWriter } from './frame-writer.ts';
import {
  BYE,
  CANCEL,
  type ClientFrame,
  HELLO,
  MAX_RESUME_SOURCES,
  PONG,
  RECEIVED,
  REQUEST,
  type Resume,
  SEND,
} from './frames.ts';

/** Longest value of a Received, in bytes. */
export const MAX_RECEIPT_VALUE_BYTES = 1024;

const VERSION = 1;

// One function for each frame, because a client calls them directly and a bundler removes the others.

export function encodeHello(token?: string, resume?: Resume): Uint8Array<ArrayBuffer> {
  const flags = (token === undefined ? 0 : 1) | (resume === undefined ? 0 : 2);
  const writer = new FrameWriter(HELLO).u8(VERSION).u8(flags);
  if (token !== undefined) writer.string(token);
  if (resume !== undefined) {
    const { clientId, secret, positions } = resume;
    writer.string(clientId).bytes(secret).varint(positions.size).positions(positions);
  }
  return writer.frame();
}

/** Encodes a Request, or a Send if it has no type. */
export function encodeCall(
  number: number,
  type: string | undefined,
  isBinary: boolean,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const writer = new FrameWriter(type === undefined ? SEND : REQUEST, payload.length)
    .u8(isBinary ? 1 : 0)
    .varint(number);
  if (type !== undefined) writer.string(type);
  return writer.rest(payload).frame();
}

export function encodeCancel(number: number): Uint8Array<ArrayBuffer> {
  return new FrameWriter(CANCEL).varint(number).frame();
}

export function encodePong(): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(PONG);
}

export function encodeBye(): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(BYE);
}

export function encodeReceived(
  receipt: number,
  isHandled: boolean,
  value = '',
): Uint8Array<ArrayBuffer> {
  return new FrameWriter(RECEIVED)
    .varint(receipt)
    .u8(isHandled ? 2 : 1)
    .rest(encodeText(value))
    .frame();
}

/**
 * Encodes a frame of a client.
 *
 * @throws {RangeError} if an integer does not fit its field
 */
export function encodeClientFrame(frame: ClientFrame): Uint8Array<ArrayBuffer> {
  switch (frame.op) {
    case 'hello':
      return encodeHello(frame.token, frame.resume);
    case 'send':
      return encodeCall(frame.number, undefined, frame.isBinary, frame.payload);
    case 'request':
      return encodeCall(frame.number, frame.type, frame.isBinary, frame.payload);
    case 'cancel':
      return encodeCancel(frame.number);
    case 'pong':
      return encodePong();
    case 'bye':
      return encodeBye();
    case 'received':
      return encodeReceived(frame.receipt, frame.state === 'handled', frame.value);
  }
}

/**
 * Decodes a frame of a client. Its payload and its secret are views of `bytes`, not copies.
 *
 * @throws {ClientProtocolError} if the frame is malformed
 */
export function decodeClientFrame(bytes: Uint8Array): ClientFrame {
  const reader = new FrameReader(bytes);
  const frame = readFrame(reader);
  reader.end();
  return frame;
}

function readFrame(reader: FrameReader): ClientFrame {
  const op = reader.u8();
  switch (op) {
    case HELLO: {
      if (reader.varint() !== VERSION) throw new ClientProtocolError('unknown version');
      const flags = reader.u8();
      const token = (flags & 1) !== 0 ? reader.string() : undefined;
      const resume = (flags & 2) !== 0 ? readResume(reader) : undefined;
      return { op: 'hello', token, resume };
    }
    case SEND: {
      const isBinary = (reader.u8() & 1) !== 0;
      return { op: 'send', isBinary, number: reader.varint(1), payload: reader.rest() };
    }
    case REQUEST: {
      const isBinary = (reader.u8() & 1) !== 0;
      const number = reader.varint(1);
      return { op: 'request', isBinary, number, type: reader.string(), payload: reader.rest() };
    }
    case CANCEL:
      return { op: 'cancel', number: reader.varint(1) };
    case PONG:
      return { op: 'pong' };
    case BYE:
      return { op: 'bye' };
    case RECEIVED: {
      const receipt = reader.varint();
      const state = reader.u8();
      if (state !== 1 && state !== 2) throw new ClientProtocolError('unknown state');
      const rest = reader.rest();
      if (rest.length > MAX_RECEIPT_VALUE_BYTES) throw new ClientProtocolError('a long value');
      const value = decodeText(rest);
      return { op: 'received', receipt, state: state === 2 ? 'handled' : 'received', value };
    }
    default:
      throw new ClientProtocolError(`unknown op ${op}`);
  }
}

function readResume(reader: FrameReader): Resume {
  const clientId = reader.string();
  const secret = reader.bytes();
  const count = reader.varint(0, MAX_RESUME_SOURCES);
  return { clientId, secret, positions: reader.positions(count) };
}
