import { MessageTooBigError, type StreamMessage, type StreamProtocol } from './stream-protocol.ts';

const nothing = Buffer.alloc(0);

/**
 * Splits the byte stream of one client into messages.
 *
 * What is incomplete is kept, up to `maxMessageBytes` and a delimiter, in a buffer that doubles, so that
 * a message which comes byte by byte is copied a few times and not each time.
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

  /** What came and is no complete message yet. */
  get rest(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Adds what came. */
  append(chunk: Buffer): void {
    const kept = this.#end - this.#start;
    if (kept === 0) {
      // The chunk is the stream's gift: it is read where it lies.
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
   * Takes the next message; its bytes are valid until the next `append`.
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
