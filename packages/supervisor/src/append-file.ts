import { closeSync, openSync, writeSync } from 'node:fs';

/** The end of a file that may be moved away while it is written to. */
export class AppendFile {
  readonly #path: string;
  #descriptor: number;

  /** @throws when the file cannot be opened */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, 'a');
  }

  /** Writes at once: what a process says before it dies must not wait. */
  append(text: string | Uint8Array): void {
    if (typeof text === 'string') writeSync(this.#descriptor, text);
    else writeSync(this.#descriptor, text);
  }

  /**
   * Opens the file by its name again, which makes it anew after it was moved away.
   *
   * @throws when it cannot be opened; the old one stays in use
   */
  reopen(): void {
    const descriptor = openSync(this.#path, 'a');
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
  }
}
