import { dirname } from 'node:path';
import type { Logger } from '@gatewayworker/core';
import { controlPath } from '../control/run-directory.ts';
import { RunFileRestorer } from '../control/run-file-restorer.ts';
import type { ResolvedRunOptions } from '../options.ts';
import { writePidFile } from './pid-file.ts';

/** Restores the files that a master holds open. */
export interface OpenRunFiles {
  /** Whether the log file was removed or replaced: a process that opens it late creates another one. */
  isLogDetached(): boolean;
  reopenLogs(): void;
  listenAgain(): Promise<void>;
}

/**
 * Restores the pid file, the log file and the control socket whenever they are removed, so that the command line still
 * finds the cluster after a build has emptied their folder.
 */
export function restoreRunFiles(
  { pidFile, logFile }: ResolvedRunOptions,
  logger: Logger,
  open: OpenRunFiles,
): RunFileRestorer {
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
  return new RunFileRestorer(files, logger);
}
