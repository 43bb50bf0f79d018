/** A message that `decode` has found. */
export interface DecodedMessage {
  /** Passed to `onMessage`: a string as a string, bytes as a Buffer. */
  readonly message: string | Uint8Array;
  /** Bytes of the message in the stream, delimiters included; at least 1. */
  readonly byteLength: number;
}

/**
 * A custom protocol: it splits the byte stream of a client into messages, and encodes messages for the client. It runs
 * in the gateway processes, so it should be fast and stateless. Its methods must not return promises.
 */
export interface ClientProtocol {
  /**
   * Finds the first message. The client is closed when it throws or returns an invalid value, or when an incomplete
   * message is longer than `maxMessageBytes`.
   *
   * @param buffer - the bytes that are not decoded yet, at least 1; valid during the call
   * @returns `undefined` when the message is incomplete
   */
  decode(buffer: Buffer): DecodedMessage | undefined;
  /** Encodes a message, text as a string and binary as a Buffer. If it throws, the message is not sent. */
  encode(data: string | Buffer): string | Uint8Array;
}
