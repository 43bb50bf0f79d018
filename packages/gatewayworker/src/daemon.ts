import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fromWire, GatewayWorkerError, openForAppend, toWire } from '@gatewayworker/core';
import {
  isDiskFull,
  type Master,
  type ResolvedRunOptions,
  type StartReport,
} from '@gatewayworker/supervisor';
import { takeVariable } from './environment.ts';
import { formatError } from './error-text.ts';

/** Environment variable that tells a process that it is a background copy. */
const daemonVariable = 'GATEWAYWORKER_DAEMON';

/** What the background copy tells the command that made it, once. */
type DaemonMessage =
  | { readonly type: 'started'; readonly report: StartReport }
  | { readonly type: 'failed'; readonly code: string; readonly text: string };

/**
 * Starts a copy of this process in the background and resolves once everything there is ready, or the time
 * for that is over.
 *
 * @throws the error of the copy, by its code and text
 * @throws {GW_ERR_PROCESS_FAILED} when the copy ends without one
 */
export async function startDaemon(
  options: ResolvedRunOptions,
  waitSeconds: number | undefined,
): Promise<StartReport> {
  // What the application prints must go somewhere once the terminal is gone.
  const log = openLog(options.logFile);
  const wait = waitSeconds === undefined ? [] : ['--wait', String(waitSeconds)];
  const args = [...process.execArgv, options.startFile, 'start', ...wait];
  const daemon = spawn(process.execPath, args, {
    detached: true,
    env: { ...process.env, [daemonVariable]: '1' },
    stdio: ['ignore', log, log, 'ipc'],
  });
  if (log !== 'ignore') closeSync(log);
  const message = await firstMessage(daemon, options.logFile);
  if (message.type === 'failed') {
    throw fromWire({ code: message.code, message: message.text.trimEnd() });
  }
  daemon.unref();
  return message.report;
}

/** A disk that is full costs what the application prints, and not the start. */
function openLog(path: string): number | 'ignore' {
  try {
    return openForAppend(path);
  } catch (error) {
    if (isDiskFull(error)) return 'ignore';
    throw error;
  }
}

/** Whether this process is a background copy. */
export function takeIsDaemon(): boolean {
  return takeVariable(daemonVariable) !== undefined;
}

/** Runs a master in the background copy, tells how its start went, and answers the exit code at its end. */
export async function runDaemon(master: Master): Promise<number> {
  try {
    const report = await master.start();
    await tell({ type: 'started', report });
  } catch (error) {
    // The master has logged it; the message is for the terminal.
    const text = formatError(error, { withOutput: true });
    await tell({ type: 'failed', code: toWire(error).code, text });
    return 1;
  }
  await master.ended;
  return master.exitCode;
}

/** Sends to the command that waits for it, if it still does, and disconnects. */
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
          new GatewayWorkerError(
            'GW_ERR_VERSION_MISMATCH',
            'the background process is of another version',
          ),
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
  const isKnown =
    (value.type === 'started' && 'report' in value) ||
    (value.type === 'failed' && 'code' in value && 'text' in value);
  // The background process is a copy of this one, so the rest of the message has the same shape.
  return isKnown ? (value as DaemonMessage) : undefined;
}
