import { MessageTooBigError, type StreamMessage, type StreamProtocol } from './stream-protocol.ts';

const nothing = Buffer.alloc(0);

/**
 * Splits the byte stream of one client into messages.
 *
 * An incomplete message is kept, up to `maxMessageBytes` and a delimiter. The buffer doubles when it grows, so that a
 * message in many small chunks is copied only a few times.
 */
export class StreamDecoder {
  readonly #protocol: StreamProtocol;
  readonly #maxMessageBytes: number;
  #buffer: Buffer = nothing;
  #start = 0;
  #end = 0;
  #searched = 0;

  constructor(protocol: StreamProtocol, maxMessageBytes: number) {
    this.#protocol = protocol;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** The bytes of the incomplete message. */
  get rest(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Adds received bytes. */
  append(chunk: Buffer): void {
    const kept = this.#end - this.#start;
    if (kept === 0) {
      // No copy: the stream does not reuse its chunks.
      this.#buffer = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    const needed = kept + chunk.length;
    if (this.#buffer.length - this.#end < chunk.length) {
      const larger = Buffer.allocUnsafe(needed * 2);
      this.#buffer.copy(larger, 0, this.#start, this.#end);
      this.#buffer = larger;
      this.#start = 0;
      this.#end = kept;
    }
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  /**
   * Returns the next message; its bytes are valid until the next `append`.
   *
   * @throws {MessageTooBigError} when it is longer than a client may send
   * @throws {Error} when the bytes break the protocol
   */
  next(): StreamMessage | undefined {
    if (this.#start === this.#end) return undefined;
    const bytes = this.#buffer.subarray(this.#start, this.#end);
    const message = this.#protocol.decode(bytes, this.#searched, this.#maxMessageBytes);
    if (message === undefined) {
      if (bytes.length > this.#maxMessageBytes + 4) throw new MessageTooBigError();
      this.#searched = bytes.length;
      return undefined;
    }
    if (message.payload.length > this.#maxMessageBytes) throw new MessageTooBigError();
    this.#start += message.byteLength;
    this.#searched = 0;
    if (this.#start === this.#end) this.#buffer = nothing;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    return message;
  }
}
