import { requestStop } from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import { askRunning, type CommandContext } from './command-context.ts';

/**
 * Stops the running master and all its processes; answers the exit code.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when none runs
 * @throws {GW_ERR_QUERY_TIMEOUT} when it does not end
 */
export async function stop({ options }: CommandContext): Promise<number> {
  const pid = await askRunning(options, requestStop);
  print(`Stopped (pid ${pid}).\n`);
  return 0;
}
