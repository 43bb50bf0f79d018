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

/** Exit codes of the command line. The caller sets the third one, 1, when a command throws. */
const EXIT_CODES = { done: 0, wrongUsage: 2 } as const;

const GRACEFUL_FLAG = ['-g, --graceful', 'let every process finish its work'] as const;

const WAIT_FLAG = ['--wait <seconds>', 'time for all processes to be ready'] as const;

/** Text below the commands in the help. */
const HELP_NOTES = `
Signals of the master: SIGINT, SIGTERM and SIGUSR2 stop, SIGQUIT stops gracefully, SIGUSR1 reloads,
SIGHUP reopens the log file. Its pid is in the pid file beside the start file.
Exit codes: 0 done, 1 failed, 2 wrong usage.
`;

/**
 * Runs the command of a command line. Resolves with the exit code: 2 for wrong usage.
 *
 * @param args - arguments after the start file
 * @param isDaemon - whether this process is the background process of `start -d`
 * @throws the error of a failed command
 */
export async function runCommandLine(
  context: CommandContext,
  args: readonly string[],
  isDaemon: boolean,
): Promise<number> {
  let exitCode: number = EXIT_CODES.done;
  const { program: programName, isUnderPm2 } = context.invocation;
  if (args.length === 0 && !isUnderPm2) {
    printError(describeUsage(programName));
    return EXIT_CODES.wrongUsage;
  }
  const program = new Command(programName)
    .description('Starts and controls the processes that this file declares.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this text')
    // The commands below inherit both settings.
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: printError })
    .showHelpAfterError()
    .addHelpText('after', HELP_NOTES);
  program
    .command('start')
    .description('start all processes; Ctrl+C stops them')
    .addOption(new Option('-d, --daemon', 'run in the background').conflicts('watch'))
    .option('--watch', 'for development: reload when a source changes')
    .option(...WAIT_FLAG, parseSeconds)
    .action(async (flags: StartFlags) => {
      exitCode = await start(context, flags, isDaemon);
    });
  program
    .command('stop')
    .description('stop all processes')
    .option(...GRACEFUL_FLAG)
    .action(async (flags: StopFlags) => {
      exitCode = await stop(context, flags);
    });
  program
    .command('restart')
    .description('stop all processes and start them again, here or in the background')
    .option('-d, --daemon', 'run in the background')
    .option(...WAIT_FLAG, parseSeconds)
    .option('--master', 'replace only the master; its processes keep running')
    .option(...GRACEFUL_FLAG)
    .action(async (flags: RestartFlags) => {
      exitCode = await restart(context, flags);
    });
  program
    .command('reload')
    .description('replace the workers one by one with new code; clients stay connected')
    .option(
      '--gateways',
      'replace the gateways instead; clients stay connected, except with TLS or compression',
    )
    .option('-g, --graceful', 'no effect: in a reload every process finishes its work')
    .action(async (flags: ReloadFlags) => {
      exitCode = await reload(context, flags);
    });
  program
    .command('status')
    .description('print the figures of every process')
    .option('--json', 'print JSON')
    .option('--watch', 'print them every second, until Ctrl+C')
    .action(async (flags: StatusFlags) => {
      exitCode = await status(context, flags);
    });
  program
    .command('health')
    .description(
      'print whether every process answers and is ready; exit code 1 if one does not answer',
    )
    .argument('[processes]', 'a role such as gateway, or a name; all when absent')
    .option('--ready', 'exit code 1 also if one is not ready')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, flags: HealthFlags) => {
      exitCode = await health(context, name, flags);
    });
  program
    .command('connections')
    .description('print the clients of every gateway')
    .option('--json', 'print JSON')
    .action(async (flags: ConnectionsFlags) => {
      exitCode = await connections(context, flags);
    });
  program
    .command('drain')
    .description('close the clients of a gateway gradually, then stop it')
    .argument('[gateway]', 'name of a gateway, or name#id for one process; all when absent')
    .option('--over <seconds>', 'time over which clients are closed', parseSeconds, 30)
    .action(async (gateway: string | undefined, flags: DrainFlags) => {
      exitCode = await drain(context, gateway, flags);
    });
  program
    .command('undrain')
    .description('start a drained gateway again')
    .argument('[gateway]', 'name of a gateway, or name#id for one process; all when absent')
    .action(async (gateway: string | undefined) => {
      exitCode = await undrain(context, gateway);
    });
  try {
    // Under pm2 a missing command means `start`: pm2 restarts a process that ends, so it would print the help repeatedly.
    await program.parseAsync(args.length === 0 ? ['start'] : args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.wrongUsage;
  }
  return exitCode;
}

/** Text for a missing command. */
function describeUsage(program: string): string {
  return `A command is missing. Did you mean start?

  ${program} start      start all processes; Ctrl+C stops them
  ${program} start -d   the same in the background
  ${program} status     show every process
  ${program} stop       stop all processes
  ${program} --help     list all commands
`;
}
