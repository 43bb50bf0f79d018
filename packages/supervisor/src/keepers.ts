import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import type { Logger } from '@gatewayworker/core';
import { findKeeper, Keeper } from './keeper.ts';
import type { MasterCommand } from './keeper-order.ts';
import type { ResolvedRunOptions } from './options.ts';
import { keeperPath } from './run-directory.ts';

/** How a master is started again when it was killed. */
export interface Keeping {
  readonly command: MasterCommand;
  /** Variable of that command that gets the next one's `deaths`. */
  readonly deathsVariable: string;
  /** Exit codes of that command after which it is not started again. */
  readonly finalExitCodes: readonly number[];
  /**
   * Whether the keeper has a process group of its own. One that has not ends with all that were started
   * beside the master: by a signal to the group of a terminal, or of whoever started it.
   */
  readonly hasOwnGroup: boolean;
  /** Said at the terminal when the master was killed; null where there is none. */
  readonly notice: string | null;
  /** How many masters in a row died soon after their start; `undefined` when this one follows none that was killed. */
  readonly deaths: number | undefined;
}

/** The keepers that a master has to do with: its own, if it is a daemon's, and one that an earlier master has left. */
export class Keepers {
  readonly #socketPath: string;
  readonly #own: Keeper | undefined;
  readonly #isRevived: boolean;
  #replaced: Promise<void> | undefined;

  constructor(options: ResolvedRunOptions, keeping: Keeping | undefined, logger: Logger) {
    this.#socketPath = keeperPath(options.pidFile);
    this.#isRevived = keeping?.deaths !== undefined;
    if (keeping === undefined) return;
    this.#own = new Keeper({
      ...keeping,
      deaths: keeping.deaths ?? 0,
      name: basename(options.startFile),
      logFile: options.logFile,
      socketPath: this.#socketPath,
      logger,
    });
  }

  /** Makes the own keeper, and ends the one that is there; for the one process that is in charge. */
  replace(): void {
    this.#replaced ??= this.#replace();
  }

  /** From now on this master is started again when it is killed; resolves once that is sure. */
  async arm(): Promise<void> {
    this.#own?.arm();
    await this.#replaced;
  }

  /** Nobody is to start this master again; resolves once there is no keeper. */
  async dismiss(): Promise<void> {
    await this.#replaced;
    await this.#own?.dismiss();
    // Nobody else may have one while this process is in charge.
    rmSync(this.#socketPath, { force: true });
  }

  async #replace(): Promise<void> {
    // Found first: the own one takes its place in the file system.
    const other = await findKeeper(this.#socketPath);
    if (this.#isRevived) this.#own?.arm();
    // Until there is another, the one before keeps this master too.
    await this.#own?.start();
    await other?.yieldTo(process.pid);
  }
}

/** Tells whether there is a keeper: the master of the pid file runs, or is being started again. */
export async function isKept(pidFile: string): Promise<boolean> {
  const keeper = await findKeeper(keeperPath(pidFile));
  keeper?.close();
  return keeper !== undefined;
}
