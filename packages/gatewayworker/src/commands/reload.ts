import { basename } from 'node:path';
import { GatewayWorkerError } from '@gatewayworker/core';
import { formatReloadStep, ReloadKind, Role, requestReload } from '@gatewayworker/supervisor';
import { exitAfterPrinting, print } from '../terminal.ts';
import { askRunning, type CommandContext } from './command-context.ts';

/** Options of the command. */
export interface ReloadFlags {
  /** Whether gateways are replaced, and not what runs the application's code. */
  readonly gateways?: boolean;
}

/**
 * Replaces the processes that run the application's code, or the gateways, one after another; answers the exit code.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when nothing runs
 * @throws {GW_ERR_PHASE} when it is starting, stopping or reloading
 * @throws {GW_ERR_PROCESS_FAILED} when a new process does not become ready; the old one keeps running
 */
export async function reload(
  context: CommandContext,
  { gateways = false }: ReloadFlags,
): Promise<number> {
  const { options, declared } = context;
  const kind = gateways ? ReloadKind.gateways : ReloadKind.workers;
  const labels = declared
    .filter(({ role }) => rolesOf[kind].includes(role))
    .map(({ name, count }) => `${name} #${count - 1}`.length);
  const width = Math.max(0, ...labels);
  let replaced = 0;
  let skipped = 0;
  // The master reloads, not this command: Ctrl+C does not end the reload.
  const leave = (): void => {
    print('\nThe reload goes on without this command; the log tells how it ends.\n');
    exitAfterPrinting(1);
  };
  process.once('SIGINT', leave);
  try {
    await askRunning(context, {
      master: (pidFile) =>
        requestReload(pidFile, kind, (step) => {
          if (step.step === 'replaced') replaced += 1;
          if (step.step === 'skipped') skipped += 1;
          print(`${formatReloadStep(step, width)}\n`);
        }),
    });
  } catch (error) {
    throw toReloadError(error, replaced);
  } finally {
    process.off('SIGINT', leave);
  }
  if (replaced > 0) print('Reloaded.\n');
  else if (skipped > 0) print('Nothing to reload: every process is drained.\n');
  else
    print(
      `Nothing to reload: ${basename(options.startFile)} declares ${gateways ? 'no Gateway' : 'no BusinessWorker and no Worker'}.\n`,
    );
  return 0;
}

/** What each kind replaces. */
const rolesOf: Readonly<Record<ReloadKind, readonly Role[]>> = {
  [ReloadKind.workers]: [Role.businessWorker, Role.worker],
  [ReloadKind.gateways]: [Role.gateway],
};

/** Says what the failure has left behind. */
function toReloadError(error: unknown, replaced: number): unknown {
  if (!(error instanceof GatewayWorkerError) || error.code !== 'GW_ERR_PROCESS_FAILED')
    return error;
  const rest =
    replaced === 0
      ? 'Nothing was replaced: what runs goes on with the old code.'
      : `${replaced} ${replaced === 1 ? 'process was' : 'processes were'} replaced before; what else runs goes on with the old code.`;
  const message = `${error.message}\n${rest}`;
  return new GatewayWorkerError(error.code, message, { cause: error });
}
