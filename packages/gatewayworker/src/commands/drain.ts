import { requestDrain } from '@gatewayworker/supervisor';
import { InvalidArgumentError } from 'commander';
import { print } from '../terminal.ts';
import { askRunning, type CommandContext } from './command-context.ts';

/** Flags of `drain`. */
export interface DrainFlags {
  /** Time over which clients are closed, in seconds. */
  readonly over: number;
}

/**
 * Closes the clients of gateways over a time, and ends the gateways; answers the exit code.
 *
 * @param gateway - name of a declaration, or `name#id`; every gateway when it is absent
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when nothing runs
 * @throws {GW_ERR_NOT_DECLARED} when there is no such gateway
 */
export async function drain(
  context: CommandContext,
  gateway: string | undefined,
  { over }: DrainFlags,
): Promise<number> {
  const wish = { gateway, drainMs: Math.round(over * 1_000) };
  await askRunning(context, {
    master: (pidFile) =>
      requestDrain(pidFile, wish, ({ process, wasKilled }) => {
        const how = wasKilled ? 'was killed: it did not finish in time' : 'has drained';
        print(`${process} ${how}\n`);
      }),
  });
  const name = gateway === undefined ? '' : ` ${gateway}`;
  print(`Drained. To have it back: ${context.invocation.program} undrain${name}\n`);
  return 0;
}

/** Reads the value of `--over`. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('It must be a number of seconds from 0 to 86400.');
}
