import { basename } from 'node:path';
import {
  formatHealth,
  readOrphanHealth,
  requestHealth,
  selectHealth,
} from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import { askRunning, type CommandContext } from './command-context.ts';

/** Flags of `health`. */
export interface HealthFlags {
  /** Print it for programs. */
  readonly json?: true;
  /** Whether processes are ready decides, not whether they live. */
  readonly ready?: true;
}

/**
 * Prints whether every process lives and is ready; answers the exit code, 1 when one does not live, or is
 * not ready when that was asked.
 *
 * @param name - a role or the name of a declaration; all processes when it is absent
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when nothing runs
 * @throws {GW_ERR_NOT_DECLARED} when there is no such process
 */
export async function health(
  context: CommandContext,
  name: string | undefined,
  flags: HealthFlags,
): Promise<number> {
  const masterName = basename(context.options.startFile);
  const report = await askRunning(context, {
    master: requestHealth,
    orphans: (pidFile) => readOrphanHealth(pidFile, context.declared, masterName),
  }).then((whole) => selectHealth(whole, name));
  print(flags.json === true ? `${JSON.stringify(report)}\n` : formatHealth(report));
  return (flags.ready === true ? report.ready : report.live) ? 0 : 1;
}
