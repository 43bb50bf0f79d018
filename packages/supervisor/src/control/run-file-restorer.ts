import { existsSync } from 'node:fs';
import type { Logger } from '@gatewayworker/core';

/** A file that must be present while a process runs. */
export interface RunFile {
  /** Absolute path. */
  readonly path: string;
  /** Folder that is not created again: a build or a deployment may be about to remove it. */
  readonly folder: string;
  /** Whether the file has to be written again. @default whether it is missing */
  isLost?(): boolean;
  /** Writes the file again. */
  restore(): void | Promise<void>;
}

const POLL_INTERVAL_MS = 250;

/** Restores files that were removed or replaced, for example by a build that empties the folder of the start file. */
export class RunFileRestorer {
  readonly #timer: NodeJS.Timeout;
  readonly #logger: Logger;
  /** Files that were lost at the last check. */
  readonly #lost = new Set<string>();
  /** Files that could not be written; each failure is logged once. */
  readonly #failed = new Set<string>();

  constructor(files: readonly RunFile[], logger: Logger) {
    this.#logger = logger;
    this.#timer = setInterval(() => {
      for (const file of files) this.#check(file);
    }, POLL_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Stops the checks. */
  close(): void {
    clearInterval(this.#timer);
  }

  #check(file: RunFile): void {
    const isLost = file.isLost?.() ?? !existsSync(file.path);
    if (!isLost || !existsSync(file.folder)) {
      this.#lost.delete(file.path);
    } else if (this.#lost.has(file.path)) {
      void this.#restore(file);
    } else {
      // Wait one interval: a file written at once could make a running `rm -r` of its folder fail.
      this.#lost.add(file.path);
    }
  }

  async #restore(file: RunFile): Promise<void> {
    const { path } = file;
    try {
      await file.restore();
      this.#failed.delete(path);
      this.#logger.info({ path }, 'restored a file that was removed or replaced');
    } catch (error) {
      if (!this.#failed.has(path)) this.#logger.error(error, `cannot write ${path} again`);
      this.#failed.add(path);
    }
  }
}
