import { AppendFile } from './append-file.ts';

/**
 * What a process prints, once the master is gone that wrote it to the log: appended there from here.
 *
 * What native code prints is lost: it goes to the descriptors, which lead nowhere.
 */
export class PrintedOutput {
  readonly #path: string;
  #file: AppendFile | undefined;

  /** @param path - of the log file */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Appends from now on; safe to call twice.
   *
   * @throws when the file cannot be opened
   */
  redirect(): void {
    if (this.#file !== undefined) return;
    const file = new AppendFile(this.#path);
    this.#file = file;
    for (const stream of [process.stdout, process.stderr]) {
      // `write` takes its callback in the place of the encoding too.
      stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
        file.append(chunk);
        const callback = rest.at(-1);
        if (typeof callback === 'function') process.nextTick(() => callback());
        return true;
      };
    }
  }

  /** Opens the file by its name again. */
  reopen(): void {
    this.#file?.reopen();
  }
}
