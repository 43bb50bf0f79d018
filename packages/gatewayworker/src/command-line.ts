import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import type { CommandContext } from './commands/command-context.ts';
import { type StartFlags, start } from './commands/start.ts';
import { type StatusFlags, status } from './commands/status.ts';
import { stop } from './commands/stop.ts';
import { print, printError } from './terminal.ts';
import { readVersion } from './version.ts';

/** Exit codes of the command line; the third, 1 for a command that failed, belongs to whoever catches. */
const exitCodes = { done: 0, wrongUsage: 2 } as const;

/**
 * Carries out the command of a command line; answers the exit code, 2 for wrong usage.
 *
 * @param args - what follows the start file
 * @param isDaemon - whether this process is the background copy that `start -d` has made
 * @throws whatever made the command fail
 */
export async function runCommandLine(
  context: CommandContext,
  args: readonly string[],
  isDaemon: boolean,
): Promise<number> {
  let exitCode: number = exitCodes.done;
  const program = new Command(basename(context.options.startFile))
    .description('Starts and controls the processes that this file declares.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this text')
    // Both are handed down to the commands that are added below.
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: printError })
    .showHelpAfterError();
  program
    .command('start')
    .description('start everything; Ctrl+C stops it')
    .option('-d, --daemon', 'go on in the background')
    .action(async (flags: StartFlags) => {
      exitCode = await start(context, flags, isDaemon);
    });
  program
    .command('stop')
    .description('stop everything')
    .action(async () => {
      exitCode = await stop(context);
    });
  program
    .command('status')
    .description('print the figures of every process')
    .option('--json', 'print them for programs')
    .action(async (flags: StatusFlags) => {
      exitCode = await status(context, flags);
    });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage;
  }
  return exitCode;
}
