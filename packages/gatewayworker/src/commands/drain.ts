import { requestDrain } from '@gatewayworker/supervisor';
import { InvalidArgumentError } from 'commander';
import { print } from '../terminal.ts';
import { type CommandContext, sendCommand } from './command-context.ts';

/** Flags of `drain`. */
export interface DrainFlags {
  /** Time over which clients are closed, in seconds. */
  readonly over: number;
}

/**
 * Closes the clients of gateways over a time, then stops the gateways. Resolves with the exit code.
 *
 * @param gateway - name of a declaration, or `name#id`; every gateway when it is absent
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when no master runs
 * @throws {GW_ERR_NOT_DECLARED} when there is no such gateway
 */
export async function drain(
  context: CommandContext,
  gateway: string | undefined,
  { over }: DrainFlags,
): Promise<number> {
  const request = { gateway, drainMs: Math.round(over * 1_000) };
  await sendCommand(context, {
    master: (pidFile) =>
      requestDrain(pidFile, request, ({ process, wasKilled }) => {
        const outcome = wasKilled ? 'was killed: it did not finish in time' : 'has drained';
        print(`${process} ${outcome}\n`);
      }),
  });
  const name = gateway === undefined ? '' : ` ${gateway}`;
  print(`Drained. To start it again: ${context.invocation.program} undrain${name}\n`);
  return 0;
}

/** Parses the value of `--over` or `--wait`. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('It must be a number of seconds from 0 to 86400.');
}
