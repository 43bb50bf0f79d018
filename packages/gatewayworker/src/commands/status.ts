import { formatStatus, requestStatus } from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import { askRunning, type CommandContext } from './command-context.ts';

/** Flags of `status`. */
export interface StatusFlags {
  /** Print the report for programs. */
  readonly json?: true;
}

/**
 * Prints the figures of every process; answers the exit code.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when nothing runs
 */
export async function status({ options }: CommandContext, flags: StatusFlags): Promise<number> {
  const report = await askRunning(options, requestStatus);
  print(flags.json === true ? `${JSON.stringify(report)}\n` : formatStatus(report));
  return 0;
}
