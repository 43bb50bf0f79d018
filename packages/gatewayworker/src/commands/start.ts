import { basename } from 'node:path';
import {
  GatewayWorkerError,
  guardStandardStreams,
  readVersion,
  showsColour,
} from '@gatewayworker/core';
import {
  alreadyRunning,
  assertLogFile,
  assertPidFile,
  findMaster,
  formatStart,
  healthAddress,
  Master,
  OnMasterExit,
  type StartReport,
} from '@gatewayworker/supervisor';
import { runDaemon, startDaemon } from '../daemon.ts';
import { assertPortsDiffer, claimPorts } from '../port-claims.ts';
import { print, printError } from '../terminal.ts';
import { type CommandContext, describeStaleFile } from './command-context.ts';

/** Flags of `start`. */
export interface StartFlags {
  /** Run in the background. */
  readonly daemon?: true;
  /** Reload when a source changes. */
  readonly watch?: true;
  /** Time for all processes to be ready, in seconds. */
  readonly wait?: number;
}

/**
 * Starts all declared processes. Resolves with the exit code: in the foreground once all have stopped; in the background
 * once all are ready, or with 1 after the wait, while the started processes keep running.
 *
 * @param isDaemon - whether this process is the background copy
 * @throws {GW_ERR_CLUSTER_ALREADY_RUNNING} when a master runs
 * @throws {GW_ERR_OPTION_INVALID} when two declarations want one port
 * @throws {GW_ERR_NOT_DECLARED} when nothing is declared
 * @throws {GW_ERR_PROCESS_FAILED} when a process cannot start
 */
export async function start(
  context: CommandContext,
  flags: StartFlags,
  isDaemon = false,
): Promise<number> {
  const { options, declared, invocation } = context;
  // From here on, a closed or stalled output neither ends nor blocks a process that serves clients.
  guardStandardStreams();
  const fixed = { ...options, version: readVersion(), env: process.env };
  if (isDaemon) {
    const onMasterExit = options.onMasterExit ?? OnMasterExit.keep;
    const waitMs = waitTime(flags) ?? options.readyTimeoutMs;
    const daemonOptions = { ...fixed, onMasterExit, waitMs, logToStdout: false };
    return await runDaemon(new Master(declared, daemonOptions));
  }
  assertCanStart(context, flags);
  if (flags.daemon === true) {
    const running = await findMaster(options.pidFile);
    if (running !== undefined) throw alreadyRunning(running);
    const report = await startDaemon(options, flags.wait);
    printReport(report, options.pidFile);
    print(`Running in the background. To stop it: ${invocation.program} stop\n`);
    if (report.reasons.length + report.failures.length === 0) return 0;
    printError(`Not all processes are ready:\n${formatReasons(report)}`);
    return 1;
  }
  const watch = flags.watch === true;
  const onMasterExit = options.onMasterExit ?? OnMasterExit.stop;
  const waitMs = waitTime(flags);
  const master = new Master(declared, {
    ...fixed,
    onMasterExit,
    logToStdout: true,
    watch,
    ...(waitMs !== undefined && { waitMs }),
  });
  const report = await master.start();
  printReport(report, options.pidFile);
  print(formatReasons(report));
  if (watch) print('Changed sources trigger a reload.\n');
  print('Press Ctrl+C to stop.\n');
  await master.ended;
  return master.exitCode;
}

/**
 * Throws when the declared processes cannot start. `restart` calls it before it stops the running cluster.
 *
 * @throws {GW_ERR_OPTION_INVALID} when two declarations want one port, or the log or the pid file cannot be written
 * @throws {GW_ERR_NOT_DECLARED} when nothing is declared
 * @throws {GW_ERR_PHASE} when `-d` is used under pm2
 */
export function assertCanStart(context: CommandContext, flags: Pick<StartFlags, 'daemon'>): void {
  const { options, declared, invocation } = context;
  if (declared.length === 0) {
    const message = `${basename(options.startFile)} declares nothing to start; create a Register, Gateway, BusinessWorker or Worker before run()`;
    throw new GatewayWorkerError('GW_ERR_NOT_DECLARED', message);
  }
  const { health } = options;
  const address = healthAddress(health);
  const probes = { owner: 'run()', option: 'run.health', value: health };
  assertPortsDiffer([
    ...declared.flatMap(({ ports }) => ports),
    ...(address === undefined ? [] : claimPorts({ ...probes, ...address }, 1)),
  ]);
  assertLogFile(options.logFile);
  assertPidFile(options.pidFile);
  if (flags.daemon === true && invocation.isUnderPm2) throw backgroundUnderPm2();
}

function backgroundUnderPm2(): GatewayWorkerError {
  const message = 'pm2 restarts a process that leaves the foreground: use start without -d';
  return new GatewayWorkerError('GW_ERR_PHASE', message);
}

function printReport(report: StartReport, pidFile: string): void {
  print(`gatewayworker ${readVersion()}, Node.js ${process.version}, master ${report.pid}\n\n`);
  print(`${formatStart(report, showsColour(process.stdout))}\n`);
  if (report.attached > 0) {
    print(`Attached to ${report.attached} processes, which ran without a master.\n`);
  }
  if (report.stalePid !== null) print(`Replaced ${describeStaleFile(pidFile, report.stalePid)}.\n`);
  for (const text of [...report.warnings, ...report.failures]) printError(`${text}.\n`);
}

function formatReasons({ reasons }: StartReport): string {
  return reasons.map((line) => `${line}\n`).join('');
}

function waitTime({ wait }: StartFlags): number | undefined {
  return wait === undefined ? undefined : Math.round(wait * 1_000);
}
