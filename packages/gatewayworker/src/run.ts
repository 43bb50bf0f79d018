import cluster from 'node:cluster';
import { isMainThread } from 'node:worker_threads';
import { GatewayWorkerError, readVersion, withCallerStack } from '@gatewayworker/core';
import {
  type ChildAssignment,
  childVariable,
  parseChildAssignment,
  type RunOptions,
  resolveRunOptions,
  runChildProcess,
} from '@gatewayworker/supervisor';
import type { runCommandLine } from './command-line.ts';
import { readIsDaemon } from './daemon.ts';
import { takeDeclaredProcesses } from './declared-processes.ts';
import { takeVariable } from './environment.ts';
import { formatError } from './error-text.ts';
import { describeInvocation, processFacts } from './invocation.ts';
import { findStartFile } from './start-file.ts';
import { exitAfterPrinting, exitWhenOutputFails, printError } from './terminal.ts';

/**
 * Runs the command in `process.argv`, such as `start` or `status`; `--help` lists the commands.
 *
 * Call it last in a start file, after all declarations: the file that calls it is the start file. It ends the process
 * with exit code 0 when the command has succeeded, 1 when it has failed and 2 for wrong usage. `start` runs the same
 * file in each of its processes; there, this call runs the one declaration that the process is for.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 * @throws {GW_ERR_PHASE} when it is called twice, or not from a file
 */
export function run(options: RunOptions = {}): void {
  const child = takeVariable(childVariable);
  if (child === undefined) exitWhenOutputFails();
  const work = withCallerStack(run, () =>
    child === undefined ? runInMaster(options) : runInChild(readAssignment(child)),
  );
  work.catch((error: unknown) => {
    printError(formatError(error));
    exitAfterPrinting(1);
  });
}

function runInMaster(options: RunOptions): Promise<void> {
  const [, main, ...args] = process.argv;
  const paths = [main, process.env['pm_exec_path']];
  const startFile = findStartFile(run, { given: options?.startFile, paths });
  if (startFile === undefined) {
    const message =
      'run() must be called from a file, because each process of the cluster runs that file';
    throw new GatewayWorkerError('GW_ERR_PHASE', message);
  }
  const resolved = resolveRunOptions(options, startFile);
  const context = {
    options: resolved,
    declared: takeDeclaredProcesses(),
    invocation: describeInvocation(startFile, processFacts()),
  };
  return runCommand(context, args, readIsDaemon()).then(exitAfterPrinting);
}

/** Uses the options of the master: it has checked them, and relative paths may not resolve to the same files here. */
function runInChild(assignment: ChildAssignment): Promise<void> {
  return runChildProcess(assignment, takeDeclaredProcesses(), readVersion());
}

/** Loads the command line on demand, because children start faster without it. */
async function runCommand(...command: Parameters<typeof runCommandLine>): Promise<number> {
  assertOwnProcess();
  const { runCommandLine } = await import('./command-line.ts');
  return await runCommandLine(...command);
}

/**
 * Throws where a master cannot start processes.
 *
 * @throws {GW_ERR_PHASE} in a worker of `node:cluster` and in a worker thread
 */
function assertOwnProcess(): void {
  if (isMainThread && !cluster.isWorker) return;
  const where = isMainThread
    ? "a worker of node:cluster, such as in pm2's cluster mode: use fork mode (no -i), because the start file starts its processes itself"
    : 'a worker thread: start the file with node';
  throw new GatewayWorkerError('GW_ERR_PHASE', `run() cannot run in ${where}`);
}

function readAssignment(text: string): ChildAssignment {
  const assignment = parseChildAssignment(text);
  if (assignment !== undefined) return assignment;
  const message = `${childVariable} cannot be read: it was not set by a master of this version`;
  throw new GatewayWorkerError('GW_ERR_VERSION_MISMATCH', message);
}
