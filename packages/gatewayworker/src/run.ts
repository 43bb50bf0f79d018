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
import { takeIsDaemon } from './daemon.ts';
import { takeDeclaredProcesses } from './declared-processes.ts';
import { takeVariable } from './environment.ts';
import { formatError } from './error-text.ts';
import { describeInvocation, processFacts } from './invocation.ts';
import { findStartFile } from './start-file.ts';
import { exitAfterPrinting, exitWhenOutputFails, printError } from './terminal.ts';

/**
 * Carries out the command in `process.argv`, such as `start` or `status`; `--help` lists them.
 *
 * Comes last in a start file, after all declarations. It ends the process with 0 when the command is
 * done, 1 when it failed and 2 when it was wrong. In the processes that `start` makes the same file
 * runs again, and this call runs the one declaration that the process is for.
 *
 * The file that calls it is the start file.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 * @throws {GW_ERR_PHASE} when it is called twice, or from no file
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
  const typed = [main, process.env['pm_exec_path']];
  const startFile = findStartFile(run, { given: options?.startFile, typed });
  if (startFile === undefined) {
    const message = 'run() works only in a file: it is what each process of the cluster runs';
    throw new GatewayWorkerError('GW_ERR_PHASE', message);
  }
  const resolved = resolveRunOptions(options, startFile);
  const context = {
    options: resolved,
    declared: takeDeclaredProcesses(),
    invocation: describeInvocation(startFile, processFacts()),
  };
  return runCommand(context, args, takeIsDaemon()).then(exitAfterPrinting);
}

/** Its master has checked the options, and resolved them in a directory that may be gone by now. */
function runInChild(assignment: ChildAssignment): Promise<void> {
  return runChildProcess(assignment, takeDeclaredProcesses(), readVersion());
}

/** The command line is loaded where it is used: children, which are many, start sooner without it. */
async function runCommand(...command: Parameters<typeof runCommandLine>): Promise<number> {
  assertOwnProcess();
  const { runCommandLine } = await import('./command-line.ts');
  return await runCommandLine(...command);
}

/**
 * Throws where the master could not have processes of its own.
 *
 * @throws {GW_ERR_PHASE} in a worker of `node:cluster` and in a worker thread
 */
function assertOwnProcess(): void {
  if (isMainThread && !cluster.isWorker) return;
  const where = isMainThread
    ? "a worker of node:cluster, as pm2's cluster mode makes it: use fork mode (no -i), since the start file makes its processes itself"
    : 'a worker thread: start the file with node';
  throw new GatewayWorkerError('GW_ERR_PHASE', `run() cannot run in ${where}`);
}

function readAssignment(text: string): ChildAssignment {
  const assignment = parseChildAssignment(text);
  if (assignment !== undefined) return assignment;
  const message = `${childVariable} cannot be read: it was not set by a master of this version`;
  throw new GatewayWorkerError('GW_ERR_VERSION_MISMATCH', message);
}
