import { decodeText, encodeText } from '@gatewayworker/client-protocol';

/** The payload of a frame. */
export interface Payload {
  readonly isBinary: boolean;
  readonly payload: Uint8Array;
}

/**
 * Encodes what an application sends; binary data is copied. `empty` is the text for a value that JSON does not have.
 *
 * @throws {TypeError} if it cannot be sent
 */
export function encodePayload(data: unknown, format: 'json' | 'text', empty?: string): Payload {
  const view = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
  if (ArrayBuffer.isView(view)) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    return { isBinary: true, payload: bytes.slice() };
  }
  const text: unknown = format === 'json' ? (JSON.stringify(data) ?? empty) : data;
  if (typeof text !== 'string') throw new TypeError(`cannot send ${typeof data}`);
  return { isBinary: false, payload: encodeText(text) };
}

/** Decodes a message or a reply. In JSON format, text that is not JSON is a string. */
export function decodePayload({ isBinary, payload }: Payload, format: 'json' | 'text'): unknown {
  if (isBinary) return payload;
  const text = decodeText(payload);
  if (format === 'text') return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
