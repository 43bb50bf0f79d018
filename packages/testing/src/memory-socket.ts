import { Socket } from 'node:net';

interface WrittenChunk {
  readonly chunk: Buffer | string;
  readonly encoding: BufferEncoding;
}

/** A socket in memory. Its simulated kernel accepts everything at once, or nothing while it is full. */
export class MemorySocket extends Socket {
  /** Everything that the kernel has accepted. */
  written: Buffer = Buffer.alloc(0);
  isFull = false;
  #waiting: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.#take([{ chunk, encoding }], done);
  }

  override _writev(chunks: readonly WrittenChunk[], done: () => void): void {
    this.#take(chunks, done);
  }

  override _final(done: () => void): void {
    done();
  }

  /** Simulates received bytes. */
  receive(bytes: string | Uint8Array): void {
    this.push(Buffer.from(bytes));
  }

  /** Makes the kernel accept bytes again. */
  accept(): void {
    this.isFull = false;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  #take(chunks: readonly WrittenChunk[], done: () => void): void {
    const bytes = chunks.map(({ chunk, encoding }) =>
      typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk,
    );
    const finish = (): void => {
      this.written = Buffer.concat([this.written, ...bytes]);
      done();
    };
    if (this.isFull) this.#waiting = finish;
    else finish();
  }
}
