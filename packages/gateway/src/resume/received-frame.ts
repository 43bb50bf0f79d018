import { isUtf8 } from 'node:buffer';
import {
  type ClientFrame,
  ClientProtocolError,
  decodeClientFrame,
  type HelloFrame,
} from '@gatewayworker/client-protocol';
import { MAX_NAME_BYTES } from '@gatewayworker/protocol';

/**
 * Decodes a frame of a client that has its Welcome.
 *
 * @throws {ClientProtocolError} when the frame is malformed, or must not be sent now
 */
export function decodeReceivedFrame(
  bytes: Buffer,
  isBinary: boolean,
): Exclude<ClientFrame, HelloFrame> {
  if (!isBinary) throw new ClientProtocolError('a frame is text');
  const frame = decodeClientFrame(bytes);
  if (frame.op === 'hello') throw new ClientProtocolError('a second Hello');
  if ('isBinary' in frame && !frame.isBinary && !isUtf8(frame.payload)) {
    throw new ClientProtocolError('a text is not UTF-8');
  }
  if (frame.op === 'request' && Buffer.byteLength(frame.type) > MAX_NAME_BYTES) {
    throw new ClientProtocolError(`a type is longer than ${MAX_NAME_BYTES} bytes`);
  }
  return frame;
}
