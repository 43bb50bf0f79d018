import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '@gatewayworker/core';
import { controlPath } from '../control/run-directory.ts';
import type { ResolvedRunOptions } from '../options.ts';
import { writePidFile } from './pid-file.ts';

/** A file that must be there while the master runs. */
interface RunFile {
  /** Absolute path. */
  readonly path: string;
  /** Folder that is not created again: a build or a deployment may be about to remove it. */
  readonly folder: string;
  /** Whether the file has to be written again. @default whether it is missing */
  isLost?(): boolean;
  /** Writes the file again. */
  restore(): void | Promise<void>;
}

/** How the files of a master are written again that it holds open. */
export interface OpenRunFiles {
  /** Whether the log file was removed or replaced: a process that opens it late creates another one. */
  isLogDetached(): boolean;
  reopenLogs(): void;
  listenAgain(): Promise<void>;
}

const LOOK_MS = 250;

/** Keeps pid file, log and control socket in place: a build that empties their folder must not hide a cluster. */
export function keepRunFiles(
  { pidFile, logFile }: ResolvedRunOptions,
  logger: Logger,
  open: OpenRunFiles,
): RunFiles {
  const folder = dirname(pidFile);
  const files = [
    {
      path: logFile,
      folder: dirname(logFile),
      isLost: () => open.isLogDetached(),
      restore: () => open.reopenLogs(),
    },
    { path: pidFile, folder, restore: () => writePidFile(pidFile) },
    { path: controlPath(pidFile), folder, restore: () => open.listenAgain() },
  ];
  return new RunFiles(files, logger);
}

/** Writes files again that have vanished, as those beside a start file do when a build empties its output folder. */
export class RunFiles {
  readonly #timer: NodeJS.Timeout;
  readonly #logger: Logger;
  /** Files that were missing at the last look. */
  readonly #missing = new Set<string>();
  /** Files that could not be written; the log has it once. */
  readonly #failed = new Set<string>();

  constructor(files: readonly RunFile[], logger: Logger) {
    this.#logger = logger;
    this.#timer = setInterval(() => {
      for (const file of files) this.#look(file);
    }, LOOK_MS);
    this.#timer.unref();
  }

  /** Looks no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  #look(file: RunFile): void {
    const isLost = file.isLost?.() ?? !existsSync(file.path);
    if (!isLost || !existsSync(file.folder)) {
      this.#missing.delete(file.path);
    } else if (this.#missing.has(file.path)) {
      void this.#restore(file);
    } else {
      // Written at once it could be in the way of the `rm -r` that removes it.
      this.#missing.add(file.path);
    }
  }

  async #restore(file: RunFile): Promise<void> {
    const { path } = file;
    try {
      await file.restore();
      this.#failed.delete(path);
      this.#logger.info({ path }, 'wrote a file again that was removed');
    } catch (error) {
      if (!this.#failed.has(path)) this.#logger.error(error, `cannot write ${path} again`);
      this.#failed.add(path);
    }
  }
}
