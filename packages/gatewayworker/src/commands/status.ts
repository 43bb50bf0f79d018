import { setTimeout as sleep } from 'node:timers/promises';
import {
  formatStatus,
  readOrphanStatus,
  requestStatus,
  type StatusReport,
} from '@gatewayworker/supervisor';
import { alternateScreen, canRedraw, print, terminalWidth } from '../terminal.ts';
import { type CommandContext, sendCommand } from './command-context.ts';

/** Flags of `status`. */
export interface StatusFlags {
  /** Print JSON. */
  readonly json?: true;
  /** Print it every second. */
  readonly watch?: true;
}

const WATCH_INTERVAL_MS = 1_000;

/**
 * Prints the figures of every process. Resolves with the exit code.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when no process runs, or with `--watch` once all have ended
 */
export async function status(context: CommandContext, flags: StatusFlags): Promise<number> {
  if (flags.watch === true) return await watch(context, flags);
  print(format(await readReport(context), flags));
  return 0;
}

/** Prints until Ctrl+C. */
async function watch(context: CommandContext, flags: StatusFlags): Promise<number> {
  const ending = new AbortController();
  process.once('SIGINT', () => ending.abort());
  const redraws = flags.json !== true && canRedraw();
  let text = '';
  if (redraws) alternateScreen.open();
  try {
    while (!ending.signal.aborted) {
      const startedAt = performance.now();
      text = format(await readReport(context), flags);
      if (ending.signal.aborted) break;
      if (redraws) alternateScreen.show(text);
      else print(flags.json === true ? text : `${text}\n`);
      // A busy process delays the answer of the master: sleep only for the rest of the second.
      const restMs = Math.max(0, WATCH_INTERVAL_MS - (performance.now() - startedAt));
      await sleep(restMs, undefined, { signal: ending.signal }).catch(() => {});
    }
  } finally {
    if (redraws) alternateScreen.close();
  }
  // Leave the last figures on the terminal.
  if (redraws) print(text);
  return 0;
}

function readReport(context: CommandContext): Promise<StatusReport> {
  return sendCommand(context, {
    master: requestStatus,
    orphans: (pidFile) => readOrphanStatus(pidFile, context.declared),
  });
}

function format(report: StatusReport, flags: StatusFlags): string {
  return flags.json === true
    ? `${JSON.stringify(report)}\n`
    : formatStatus(report, terminalWidth());
}
