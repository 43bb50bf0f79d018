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

/** Environment variable that marks a background process. */
const DAEMON_VARIABLE = 'GATEWAYWORKER_DAEMON';

/** The one message of a background process to the command that started it. */
type DaemonMessage =
  | { readonly type: 'started'; readonly report: StartReport }
  | { readonly type: 'failed'; readonly code: string; readonly text: string };

/**
 * Starts a copy of this process in the background, and resolves once all its processes are ready, or after the wait.
 *
 * @throws the error of the background process, with its code and text
 * @throws {GW_ERR_PROCESS_FAILED} when the background process ends without an error
 */
export async function startDaemon(
  options: ResolvedRunOptions,
  waitSeconds: number | undefined,
): Promise<StartReport> {
  // The output of the application goes to the log file, because the terminal may close.
  const log = openLog(options.logFile);
  const wait = waitSeconds === undefined ? [] : ['--wait', String(waitSeconds)];
  const args = [...process.execArgv, options.startFile, 'start', ...wait];
  const daemon = spawn(process.execPath, args, {
    detached: true,
    env: { ...process.env, [DAEMON_VARIABLE]: '1' },
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

/** Opens the log file for output. On a full disk output is lost, but the start continues. */
function openLog(path: string): number | 'ignore' {
  try {
    return openForAppend(path);
  } catch (error) {
    if (isDiskFull(error)) return 'ignore';
    throw error;
  }
}

/** Reads whether this process is a background process; works once. */
export function readIsDaemon(): boolean {
  return takeVariable(DAEMON_VARIABLE) !== undefined;
}

/** Runs a master in the background process, reports its start, and resolves with the exit code at its end. */
export async function runDaemon(master: Master): Promise<number> {
  try {
    const started = await master.start();
    await report({ type: 'started', report: started });
  } catch (error) {
    // The master has logged the error; the message is for the terminal.
    const text = formatError(error, { withOutput: true });
    await report({ type: 'failed', code: toWire(error).code, text });
    return 1;
  }
  await master.ended;
  return master.exitCode;
}

/** Sends a message to the waiting command, if it still runs, and disconnects. */
async function report(message: DaemonMessage): Promise<void> {
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
    // `close` comes after the last message has been read and the process has exited.
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
  // The background process runs the same code, so the rest of the message has the same shape.
  return isKnown ? (value as DaemonMessage) : undefined;
}
