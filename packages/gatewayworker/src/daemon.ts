import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { basename } from 'node:path';
import { GatewayWorkerError, openForAppend } from '@gatewayworker/core';
import {
  isAlreadyRunning,
  type Keeping,
  type Master,
  parseStartReport,
  type ResolvedRunOptions,
  type StartReport,
  workingDirectory,
} from '@gatewayworker/supervisor';
import { takeVariable } from './environment.ts';
import { formatError } from './error-text.ts';

/** Environment variable that tells a process that it is a background copy, and of which kind. */
const daemonVariable = 'GATEWAYWORKER_DAEMON';

/** What a background copy is there for. */
export const DaemonKind = {
  /** `start -d` has made it. */
  started: 'started',
  /** It stands in for a master that ran in the foreground and was killed, until there is another one. */
  standIn: 'stand-in',
} as const;
export type DaemonKind = (typeof DaemonKind)[keyof typeof DaemonKind];

/** Environment variable that tells a background copy after how many others in a row, which died soon after their start, it was started again. */
const deathsVariable = 'GATEWAYWORKER_DEATHS';

/** Exit codes of a background copy that was stopped, and of one that has found another one. */
const finalExitCodes = { stopped: 0, othersRun: 3 } as const;

/** What the background copy tells the command that made it, once. */
type DaemonMessage =
  | { readonly type: 'started'; readonly report: StartReport }
  | { readonly type: 'failed'; readonly text: string };

/**
 * Starts a copy of this process in the background and resolves once everything there is ready, or the time
 * for that is over.
 *
 * @throws {GW_ERR_PROCESS_FAILED} with the reason that the copy gives
 */
export async function startDaemon(
  options: ResolvedRunOptions,
  waitSeconds: number | undefined,
): Promise<StartReport> {
  // What the application prints must go somewhere once the terminal is gone.
  const log = openForAppend(options.logFile);
  const wait = waitSeconds === undefined ? [] : ['--wait', String(waitSeconds)];
  const args = [...process.execArgv, options.startFile, 'start', ...wait];
  const daemon = spawn(process.execPath, args, {
    detached: true,
    env: { ...process.env, [daemonVariable]: DaemonKind.started },
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const message = await firstMessage(daemon, options.logFile);
  if (message.type === 'failed') {
    throw new GatewayWorkerError('GW_ERR_PROCESS_FAILED', message.text.trimEnd());
  }
  daemon.unref();
  return message.report;
}

/** Which background copy this process is; `undefined` when it is none. */
export function takeDaemonKind(): DaemonKind | undefined {
  const value = takeVariable(daemonVariable);
  return Object.values(DaemonKind).find((kind) => kind === value);
}

/** What a keeper needs to start this background copy again, which it may itself have started. */
export function takeKeeping(kind: DaemonKind, startFile: string): Keeping {
  const deaths = takeVariable(deathsVariable);
  return {
    ...describeCopy(kind, startFile),
    deaths: deaths === undefined ? undefined : Number(deaths),
    hasOwnGroup: true,
    notice: null,
  };
}

/**
 * What a keeper needs to go on in the background when this process, in the foreground, is killed.
 *
 * `undefined` for the first process of a container, with which all others end.
 */
export function keepForeground(startFile: string, program: string): Keeping | undefined {
  if (process.pid === 1) return undefined;
  const name = basename(startFile);
  const notice = `The master of ${name} (pid ${process.pid}) was killed. Another one goes on in the background.
To have it here again: ${program} start. To stop it: ${program} stop
`;
  const copy = describeCopy(DaemonKind.standIn, startFile);
  return { ...copy, deaths: undefined, hasOwnGroup: false, notice };
}

function describeCopy(kind: DaemonKind, startFile: string) {
  return {
    command: {
      file: process.execPath,
      args: [...process.execArgv, startFile, 'start'],
      cwd: workingDirectory(startFile),
      env: { ...process.env, [daemonVariable]: kind },
    },
    deathsVariable,
    finalExitCodes: Object.values(finalExitCodes),
  };
}

/** Runs a master in the background copy, tells how its start went, and answers the exit code at its end. */
export async function runDaemon(master: Master): Promise<number> {
  try {
    const report = await master.start();
    await tell({ type: 'started', report });
  } catch (error) {
    // The master has logged it; the message is for the terminal.
    await tell({ type: 'failed', text: formatError(error, { withOutput: true }) });
    return isAlreadyRunning(error) ? finalExitCodes.othersRun : 1;
  }
  await master.ended;
  return master.exitCode;
}

/** Sends to the command that waits for it, if it still does, and lets go of it. */
async function tell(message: DaemonMessage): Promise<void> {
  if (process.send === undefined || !process.connected) return;
  await new Promise<void>((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve());
  });
  if (process.connected) process.disconnect();
}

function firstMessage(daemon: ChildProcess, logFile: string): Promise<DaemonMessage> {
  return new Promise((resolve, reject) => {
    daemon.once('error', reject);
    daemon.once('message', (value) => {
      const message = parseMessage(value);
      if (message !== undefined) resolve(message);
      else
        reject(
          new GatewayWorkerError('GW_ERR_INTERNAL', 'the background process is of another version'),
        );
    });
    // The channel closes after its last message has been read, and the exit code is known by then or
    // soon after.
    daemon.once('close', (code, signal) => {
      const end = signal === null ? `exit code ${code}` : signal;
      const message = `the background process ended with ${end} before it was ready; see ${logFile}`;
      reject(new GatewayWorkerError('GW_ERR_PROCESS_FAILED', message));
    });
  });
}

function parseMessage(value: unknown): DaemonMessage | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  if (value.type === 'failed' && 'text' in value && typeof value.text === 'string') {
    return { type: 'failed', text: value.text };
  }
  const report = 'report' in value ? parseStartReport(value.report) : undefined;
  return report === undefined ? undefined : { type: 'started', report };
}
