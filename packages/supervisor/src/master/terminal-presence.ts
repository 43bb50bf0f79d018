import { closeSync, openSync } from 'node:fs';

/**
 * Tells whether the terminal that this process was started at is gone: closed, or its connection lost.
 *
 * SIGHUP says so too, and besides it is how log rotation asks to open the log again.
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
