import { readVersion } from '@gatewayworker/core';
import { Command, CommanderError, Option } from 'commander';
import type { CommandContext } from './commands/command-context.ts';
import { type ConnectionsFlags, connections } from './commands/connections.ts';
import { type DrainFlags, drain, parseSeconds } from './commands/drain.ts';
import { type HealthFlags, health } from './commands/health.ts';
import { type ReloadFlags, reload } from './commands/reload.ts';
import { type RestartFlags, restart } from './commands/restart.ts';
import { type StartFlags, start } from './commands/start.ts';
import { type StatusFlags, status } from './commands/status.ts';
import { type StopFlags, stop } from './commands/stop.ts';
import { undrain } from './commands/undrain.ts';
import { print, printError } from './terminal.ts';

/** Exit codes of the command line; the third, 1 for a command that failed, is set by the caller that catches the error. */
const exitCodes = { done: 0, wrongUsage: 2 } as const;

const gracefulFlag = ['-g, --graceful', 'let every process finish what it has begun'] as const;

const waitFlag = ['--wait <seconds>', 'time for everything to be ready'] as const;

/** Stands below the commands in the help. */
const notes = `
Signals of the master: SIGINT, SIGTERM and SIGUSR2 stop, SIGQUIT stops gracefully, SIGUSR1 reloads,
SIGHUP opens the log file again. Its pid is in the pid file beside the start file.
Exit codes: 0 done, 1 failed, 2 wrong usage.
`;

/**
 * Carries out the command of a command line; answers the exit code, 2 for wrong usage.
 *
 * @param args - what follows the start file
 * @param isDaemon - whether this process is the background copy of `start -d`
 * @throws whatever made the command fail
 */
export async function runCommandLine(
  context: CommandContext,
  args: readonly string[],
  isDaemon: boolean,
): Promise<number> {
  let exitCode: number = exitCodes.done;
  const { program: typed, isUnderPm2 } = context.invocation;
  if (args.length === 0 && !isUnderPm2) {
    printError(describeFirstSteps(typed));
    return exitCodes.wrongUsage;
  }
  const program = new Command(typed)
    .description('Starts and controls the processes that this file declares.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this text')
    // Both are handed down to the commands that are added below.
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: printError })
    .showHelpAfterError()
    .addHelpText('after', notes);
  program
    .command('start')
    .description('start everything; Ctrl+C stops it')
    .addOption(new Option('-d, --daemon', 'go on in the background').conflicts('watch'))
    .option('--watch', 'for development: reload when a source is saved')
    .option(...waitFlag, parseSeconds)
    .action(async (flags: StartFlags) => {
      exitCode = await start(context, flags, isDaemon);
    });
  program
    .command('stop')
    .description('stop everything')
    .option(...gracefulFlag)
    .action(async (flags: StopFlags) => {
      exitCode = await stop(context, flags);
    });
  program
    .command('restart')
    .description('stop everything and start it again, here or in the background')
    .option('-d, --daemon', 'go on in the background')
    .option(...waitFlag, parseSeconds)
    .option('--master', 'replace the master alone; its processes keep running')
    .option(...gracefulFlag)
    .action(async (flags: RestartFlags) => {
      exitCode = await restart(context, flags);
    });
  program
    .command('reload')
    .description('replace the workers by new code, one by one; clients stay')
    .option('--gateways', 'replace the gateways instead; clients stay, but for TLS and compression')
    .option('-g, --graceful', 'no difference: a reload always finishes what has begun')
    .action(async (flags: ReloadFlags) => {
      exitCode = await reload(context, flags);
    });
  program
    .command('status')
    .description('print the figures of every process')
    .option('--json', 'print them for programs')
    .option('--watch', 'print them again each second; Ctrl+C ends it')
    .action(async (flags: StatusFlags) => {
      exitCode = await status(context, flags);
    });
  program
    .command('health')
    .description(
      'print whether every process answers and is ready; exit code 1 when one does not answer',
    )
    .argument('[processes]', 'a role such as gateway, or a name; all when absent')
    .option('--ready', 'exit code 1 when one is not ready, too')
    .option('--json', 'print it for programs')
    .action(async (name: string | undefined, flags: HealthFlags) => {
      exitCode = await health(context, name, flags);
    });
  program
    .command('connections')
    .description('print the clients of every gateway')
    .option('--json', 'print them for programs')
    .action(async (flags: ConnectionsFlags) => {
      exitCode = await connections(context, flags);
    });
  program
    .command('drain')
    .description('close the clients of a gateway little by little, and end it')
    .argument('[gateway]', 'name of a gateway, or name#id for one process; all when absent')
    .option('--over <seconds>', 'time over which clients are closed', parseSeconds, 30)
    .action(async (gateway: string | undefined, flags: DrainFlags) => {
      exitCode = await drain(context, gateway, flags);
    });
  program
    .command('undrain')
    .description('start a gateway again that was drained')
    .argument('[gateway]', 'name of a gateway, or name#id for one process; all when absent')
    .action(async (gateway: string | undefined) => {
      exitCode = await undrain(context, gateway);
    });
  try {
    // pm2 starts again what ends, so a help text would be printed over and over.
    await program.parseAsync(args.length === 0 ? ['start'] : args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage;
  }
  return exitCode;
}

/** Stands where a command is missing: what most want then. */
function describeFirstSteps(program: string): string {
  return `A command is missing. Did you mean start?

  ${program} start      start everything; Ctrl+C stops it
  ${program} start -d   the same in the background
  ${program} status     show every process
  ${program} stop       stop everything
  ${program} --help     list all commands
`;
}
