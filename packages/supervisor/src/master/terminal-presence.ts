import { closeSync, openSync } from 'node:fs';

/**
 * Tells whether the terminal of this process is closed, or its connection lost.
 *
 * SIGHUP alone does not tell: log rotation sends it too, to have the log file reopened.
 */
export function isTerminalGone(): boolean {
  if (process.stdout.isTTY !== true) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}
