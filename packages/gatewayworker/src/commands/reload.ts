import { basename } from 'node:path';
import { GatewayWorkerError } from '@gatewayworker/core';
import { formatReloadStep, ReloadKind, Role, requestReload } from '@gatewayworker/supervisor';
import { exitAfterPrinting, print } from '../terminal.ts';
import { type CommandContext, sendCommand } from './command-context.ts';

/** Flags of `reload`. */
export interface ReloadFlags {
  /** Replace gateways instead of the processes with application code. */
  readonly gateways?: boolean;
}

/**
 * Replaces the processes with application code, or the gateways, one after another. Resolves with the exit code.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when no master runs
 * @throws {GW_ERR_PHASE} while the cluster is starting, stopping or reloading
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
  // Ctrl+C ends only this command: the master performs the reload.
  const handleInterrupt = (): void => {
    print('\nThe master continues the reload; the log has the result.\n');
    exitAfterPrinting(1);
  };
  process.once('SIGINT', handleInterrupt);
  try {
    await sendCommand(context, {
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
    process.off('SIGINT', handleInterrupt);
  }
  if (replaced > 0) print('Reloaded.\n');
  else if (skipped > 0) print('Nothing to reload: every process is drained.\n');
  else
    print(
      `Nothing to reload: ${basename(options.startFile)} declares ${gateways ? 'no Gateway' : 'no BusinessWorker and no Worker'}.\n`,
    );
  return 0;
}

/** Roles that each kind of reload replaces. */
const rolesOf: Readonly<Record<ReloadKind, readonly Role[]>> = {
  [ReloadKind.workers]: [Role.businessWorker, Role.worker],
  [ReloadKind.gateways]: [Role.gateway],
};

/** Adds to an error which processes were replaced. */
function toReloadError(error: unknown, replaced: number): unknown {
  if (!(error instanceof GatewayWorkerError) || error.code !== 'GW_ERR_PROCESS_FAILED')
    return error;
  const rest =
    replaced === 0
      ? 'Nothing was replaced: all processes keep running the old code.'
      : `${replaced} ${replaced === 1 ? 'process was' : 'processes were'} replaced before; the others keep running the old code.`;
  const message = `${error.message}\n${rest}`;
  return new GatewayWorkerError(error.code, message, { cause: error });
}
