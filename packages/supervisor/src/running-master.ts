import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError } from '@gatewayworker/core';
import { ControlClient } from './control-client.ts';
import { ControlCommand } from './control-messages.ts';
import { controlPath } from './control-path.ts';
import { readNumber } from './json-value.ts';
import { parseStatusReport, type StatusReport } from './status-report.ts';

const answerTimeoutMs = 5_000;
/** Time for the last steps of a master after its children are gone. */
const lastStepsMs = 5_000;

/**
 * Answers the pid of the master that runs with this pid file; `undefined` when there is none.
 *
 * The control socket decides, not the pid file: its pid may have passed to another program.
 *
 * @throws {GW_ERR_QUERY_TIMEOUT} when a master is there but does not answer
 */
export function findMaster(pidFile: string): Promise<number | undefined> {
  return askMaster(pidFile, async (client) => {
    const pid = readNumber(await client.request(ControlCommand.ping, answerTimeoutMs), 'pid');
    if (pid === undefined) throw unexpectedAnswer();
    return pid;
  });
}

/** Asks the running master for its report; `undefined` when none runs. */
export function requestStatus(pidFile: string): Promise<StatusReport | undefined> {
  return askMaster(pidFile, async (client) => {
    const answer = await client.request(ControlCommand.status, answerTimeoutMs);
    const report = parseStatusReport(answer);
    if (report === undefined) throw unexpectedAnswer();
    return report;
  });
}

/**
 * Stops the running master with all its processes, and answers its pid; `undefined` when none runs.
 *
 * @throws {GW_ERR_QUERY_TIMEOUT} when it has not ended within the time it gave itself
 */
export function requestStop(pidFile: string): Promise<number | undefined> {
  return askMaster(pidFile, async (client) => {
    const answer = await client.request(ControlCommand.stop, answerTimeoutMs);
    const pid = readNumber(answer, 'pid');
    const timeoutMs = readNumber(answer, 'timeoutMs');
    if (pid === undefined || timeoutMs === undefined) throw unexpectedAnswer();
    if (!(await settlesWithin(client.closed, timeoutMs + lastStepsMs))) {
      const message = `process ${pid} has not stopped within ${timeoutMs + lastStepsMs} ms`;
      throw new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT', message);
    }
    await untilGone(pid);
    return pid;
  });
}

async function askMaster<T>(
  pidFile: string,
  ask: (client: ControlClient) => Promise<T>,
): Promise<T | undefined> {
  const client = await ControlClient.connect(controlPath(pidFile));
  if (client === undefined) return undefined;
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

/** Waits for the end of a process, but not for ever: a parent that does not collect it leaves its pid in place. */
async function untilGone(pid: number): Promise<void> {
  const deadline = performance.now() + 1_000;
  while (isThere(pid) && performance.now() < deadline) await sleep(10);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function settlesWithin(promise: Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  return await Promise.race([promise.then(() => true), late]).finally(() => clearTimeout(timer));
}

function unexpectedAnswer(): GatewayWorkerError {
  return new GatewayWorkerError('GW_ERR_INTERNAL', 'the master gave an answer of another version');
}
