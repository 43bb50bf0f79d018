import { basename } from 'node:path';
import {
  formatHealth,
  readOrphanHealth,
  requestHealth,
  selectHealth,
} from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import { type CommandContext, sendCommand } from './command-context.ts';

/** Flags of `health`. */
export interface HealthFlags {
  /** Print JSON. */
  readonly json?: true;
  /** The exit code depends on readiness instead of liveness. */
  readonly ready?: true;
}

/**
 * Prints liveness and readiness of every process. Resolves with the exit code: 1 when a process is not live or, with
 * `--ready`, not ready.
 *
 * @param name - role, or name of a declaration; all processes when it is absent
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when no process runs
 * @throws {GW_ERR_NOT_DECLARED} when there is no such process
 */
export async function health(
  context: CommandContext,
  name: string | undefined,
  flags: HealthFlags,
): Promise<number> {
  const masterName = basename(context.options.startFile);
  const report = await sendCommand(context, {
    master: requestHealth,
    orphans: (pidFile) => readOrphanHealth(pidFile, context.declared, masterName),
  }).then((whole) => selectHealth(whole, name));
  print(flags.json === true ? `${JSON.stringify(report)}\n` : formatHealth(report));
  return (flags.ready === true ? report.ready : report.live) ? 0 : 1;
}
