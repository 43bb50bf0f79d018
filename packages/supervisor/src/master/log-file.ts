import { closeSync } from 'node:fs';
import { openForAppend } from '@gatewayworker/core';
import { cannotBeWritten, isDiskFull } from './pid-file.ts';

/**
 * Checks before a start that the log file can be opened. Later, a log that cannot be written only loses its lines;
 * for the same reason a full disk passes.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming `run.logFile` and the reason
 */
export function assertLogFile(path: string): void {
  try {
    closeSync(openForAppend(path));
  } catch (error) {
    if (isDiskFull(error)) return;
    throw cannotBeWritten('run.logFile', path, error);
  }
}
