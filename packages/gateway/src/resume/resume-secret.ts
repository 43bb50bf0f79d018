import { randomBytes, timingSafeEqual } from 'node:crypto';

/** Bytes of a secret. */
export const SECRET_BYTES = 16;

/** The secret with which a client resumes. It changes with every Welcome, and the client may not receive a Welcome. */
export class ResumeSecret {
  #current: Buffer = randomBytes(SECRET_BYTES);
  /** Valid until the client has used the current one. */
  #previous: Buffer | undefined;

  get current(): Buffer {
    return this.#current;
  }

  get previous(): Buffer | undefined {
    return this.#previous;
  }

  /** Returns whether a client with this secret may resume. */
  allows(secret: Uint8Array): boolean {
    return isSame(secret, this.#current) || isSame(secret, this.#previous);
  }

  /** Makes a new secret for a client that has resumed with this one. */
  rotate(used: Uint8Array): void {
    // With the previous secret, the client has not received the current one.
    if (isSame(used, this.#current)) this.#previous = this.#current;
    this.#current = randomBytes(SECRET_BYTES);
  }

  /** Called when the client has sent a frame, and so has received the current secret. */
  confirm(): void {
    this.#previous = undefined;
  }

  /** Continues with the secrets of another process. */
  restore(current: Uint8Array, previous: Uint8Array | undefined): void {
    this.#current = Buffer.from(current);
    this.#previous = previous && Buffer.from(previous);
  }
}

function isSame(secret: Uint8Array, expected: Buffer | undefined): boolean {
  return expected?.length === secret.length && timingSafeEqual(secret, expected);
}
