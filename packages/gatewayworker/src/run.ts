import { GatewayWorkerError } from '@gatewayworker/core';
import {
  type ChildAssignment,
  childVariable,
  parseChildAssignment,
  type RunOptions,
  resolveRunOptions,
  runChildProcess,
} from '@gatewayworker/supervisor';
import type { runCommandLine } from './command-line.ts';
import { takeDaemonKind } from './daemon.ts';
import { takeDeclaredProcesses } from './declared-processes.ts';
import { takeVariable } from './environment.ts';
import { formatError } from './error-text.ts';
import { exitAfterPrinting, exitWhenOutputFails, printError } from './terminal.ts';

/**
 * Carries out the command in `process.argv`, such as `start` or `status`; `--help` lists them.
 *
 * Comes last in a start file, after all declarations. It ends the process with 0 when the command is
 * done, 1 when it failed and 2 when it was wrong. In the processes that `start` makes the same file
 * runs again, and this call runs the one declaration that the process is for.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 * @throws {GW_ERR_PHASE} when it is called twice
 */
export function run(options: RunOptions = {}): void {
  const [, startFile, ...args] = process.argv;
  if (startFile === undefined) {
    throw new GatewayWorkerError(
      'GW_ERR_PHASE',
      'run() works only in a file that Node.js was started with',
    );
  }
  const resolved = resolveRunOptions(options, startFile);
  const declared = takeDeclaredProcesses();
  const child = takeVariable(childVariable);
  const daemonKind = takeDaemonKind();
  if (child === undefined) exitWhenOutputFails();
  const work =
    child === undefined
      ? runCommand({ options: resolved, declared }, args, daemonKind).then(exitAfterPrinting)
      : runChildProcess(readAssignment(child), declared);
  work.catch((error: unknown) => {
    printError(formatError(error));
    exitAfterPrinting(1);
  });
}

/** The command line is loaded where it is used: children, which are many, start sooner without it. */
async function runCommand(...command: Parameters<typeof runCommandLine>): Promise<number> {
  const { runCommandLine } = await import('./command-line.ts');
  return await runCommandLine(...command);
}

function readAssignment(text: string): ChildAssignment {
  const assignment = parseChildAssignment(text);
  if (assignment !== undefined) return assignment;
  throw new GatewayWorkerError('GW_ERR_INTERNAL', `${childVariable} is not what a master sets`);
}
