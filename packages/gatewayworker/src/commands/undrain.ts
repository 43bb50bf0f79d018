import { requestUndrain } from '@gatewayworker/supervisor';
import { print } from '../terminal.ts';
import { type CommandContext, sendCommand } from './command-context.ts';

/**
 * Starts drained gateways again. Resolves with the exit code.
 *
 * @param gateway - name of a declaration, or `name#id`; every gateway when it is absent
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when no master runs
 * @throws {GW_ERR_PHASE} when such a gateway is still draining
 * @throws {GW_ERR_NOT_DECLARED} when there is no such gateway
 * @throws {GW_ERR_PROCESS_FAILED} when one fails to start
 */
export async function undrain(
  context: CommandContext,
  gateway: string | undefined,
): Promise<number> {
  await sendCommand(context, {
    master: (pidFile) =>
      requestUndrain(pidFile, gateway, ({ process, wasDrained }) => {
        print(`${process} ${wasDrained ? 'accepts clients again' : 'was not drained'}\n`);
      }),
  });
  return 0;
}
