/** The first message of a byte stream. */
export interface DecodedMessage {
  /** Handed to `onMessage`: a string as a string, bytes as a Buffer. */
  readonly message: string | Uint8Array;
  /** Bytes of the stream that it took, its delimiters included; at least 1. */
  readonly byteLength: number;
}

/**
 * A protocol of your own: it splits the byte stream of a client into messages, and turns what is sent
 * to it into bytes. It runs in the gateway processes, so it should be quick and keep nothing. A promise
 * is an answer that is none.
 */
export interface ClientProtocol {
  /**
   * Finds the first message.
   *
   * @param buffer - what came and was not decoded yet, at least 1 byte; valid during the call
   * @returns `undefined` when the message is not complete; more than `maxMessageBytes` of that, a throw,
   * or an answer that is none closes the client
   */
  decode(buffer: Buffer): DecodedMessage | undefined;
  /** Turns what was sent, text as a string and binary as a Buffer, into bytes. What throws is not sent. */
  encode(data: string | Buffer): string | Uint8Array;
}
