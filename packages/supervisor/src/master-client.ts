import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError } from '@gatewayworker/core';
import { type ConnectionRow, parseConnectionPart } from './connection-report.ts';
import { ControlClient } from './control-client.ts';
import { ControlCommand, type ControlOrder } from './control-messages.ts';
import { type DrainStep, parseDrainStep, parseUndrainStep, type UndrainStep } from './drain.ts';
import { type HealthReport, parseHealthReport } from './health-report.ts';
import { readBoolean, readField, readNumber } from './json-value.ts';
import { parseReloadStep, type ReloadStep } from './reload.ts';
import { controlPath } from './run-directory.ts';
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
    const pid = readNumber(
      await client.request({ command: ControlCommand.ping }, answerTimeoutMs),
      'pid',
    );
    if (pid === undefined) throw unexpectedAnswer();
    return pid;
  });
}

/** Asks the running master for its report; `undefined` when none runs. */
export function requestStatus(pidFile: string): Promise<StatusReport | undefined> {
  return askMaster(pidFile, async (client) => {
    const answer = await client.request({ command: ControlCommand.status }, answerTimeoutMs);
    const report = parseStatusReport(answer);
    if (report === undefined) throw unexpectedAnswer();
    return report;
  });
}

/** Asks the running master whether its processes live and are ready; `undefined` when none runs. */
export function requestHealth(pidFile: string): Promise<HealthReport | undefined> {
  return askMaster(pidFile, async (client) => {
    const answer = await client.request({ command: ControlCommand.health }, answerTimeoutMs);
    return parseHealthReport(answer) ?? fail();
  });
}

/**
 * Stops the running master with all its processes, and answers its pid; `undefined` when none runs.
 *
 * @param isGraceful - whether they finish what has begun
 * @throws {GW_ERR_QUERY_TIMEOUT} when it has not ended within the time it gave itself
 */
export function requestStop(pidFile: string, isGraceful: boolean): Promise<number | undefined> {
  return askMaster(pidFile, async (client) => {
    const order = { command: ControlCommand.stop, isGraceful };
    const answer = await client.request(order, answerTimeoutMs);
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

/**
 * Reloads, and answers the pid of the master; `undefined` when none runs.
 *
 * @throws {GW_ERR_PHASE} when the master is starting, stopping or reloading
 * @throws {GW_ERR_PROCESS_FAILED} when a new process does not become ready; the old one goes on
 */
export function requestReload(
  pidFile: string,
  onStep: (step: ReloadStep) => void,
): Promise<number | undefined> {
  return askInParts(pidFile, { command: ControlCommand.reload }, (part) => {
    onStep(parseReloadStep(part) ?? fail());
  }).then((answer) => answer && (readNumber(answer.result, 'pid') ?? fail()));
}

/**
 * Asks for the clients of every gateway, and answers the gateways that have not told all; `undefined` when none runs.
 *
 * @param onRows - gets some of them at a time
 */
export function requestConnections(
  pidFile: string,
  onRows: (rows: readonly ConnectionRow[]) => void,
): Promise<readonly string[] | undefined> {
  return askInParts(pidFile, { command: ControlCommand.connections }, (part) => {
    onRows(parseConnectionPart(part) ?? fail());
  }).then((answer) => {
    if (answer === undefined) return undefined;
    const missing = readField(answer.result, 'missing');
    return Array.isArray(missing) ? missing.map(String) : fail();
  });
}

/**
 * Drains gateways, and answers the pid of the master; `undefined` when none runs.
 *
 * @param gateway - name of a declaration, or `name#id`; every gateway when it is absent
 * @throws {GW_ERR_PHASE} when the master is starting or stopping
 * @throws {GW_ERR_PROCESS_FAILED} when there is no such gateway
 */
export function requestDrain(
  pidFile: string,
  { gateway, drainMs }: { readonly gateway: string | undefined; readonly drainMs: number },
  onStep: (step: DrainStep) => void,
): Promise<number | undefined> {
  const order = {
    command: ControlCommand.drain,
    drainMs,
    ...(gateway === undefined ? {} : { gateway }),
  };
  return askInParts(pidFile, order, (part) => onStep(parseDrainStep(part) ?? fail())).then(
    (answer) => answer && (readNumber(answer.result, 'pid') ?? fail()),
  );
}

/**
 * Starts drained gateways again, and answers the pid of the master; `undefined` when none runs.
 *
 * @param gateway - name of a declaration, or `name#id`; every gateway when it is absent
 * @throws {GW_ERR_PHASE} when the master is starting or stopping, or a gateway is still draining
 * @throws {GW_ERR_PROCESS_FAILED} when there is no such gateway, or one fails to start
 */
export function requestUndrain(
  pidFile: string,
  gateway: string | undefined,
  onStep: (step: UndrainStep) => void,
): Promise<number | undefined> {
  const order = { command: ControlCommand.undrain, ...(gateway === undefined ? {} : { gateway }) };
  return askInParts(pidFile, order, (part) => onStep(parseUndrainStep(part) ?? fail())).then(
    (answer) => answer && (readNumber(answer.result, 'pid') ?? fail()),
  );
}

/** Ends the running master alone, and answers its pid and whether `start -d` made it; `undefined` when none runs. */
export function requestLeave(
  pidFile: string,
): Promise<{ readonly pid: number; readonly isDaemon: boolean } | undefined> {
  return askMaster(pidFile, async (client) => {
    const answer = await client.request({ command: ControlCommand.leave }, answerTimeoutMs);
    const pid = readNumber(answer, 'pid');
    const isDaemon = readBoolean(answer, 'isDaemon');
    if (pid === undefined || isDaemon === undefined) throw unexpectedAnswer();
    if (!(await settlesWithin(client.closed, lastStepsMs))) {
      const message = `process ${pid} has not ended within ${lastStepsMs} ms`;
      throw new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT', message);
    }
    await untilGone(pid);
    return { pid, isDaemon };
  });
}

function askInParts(
  pidFile: string,
  order: ControlOrder,
  onPart: (part: unknown) => void,
): Promise<{ readonly result: unknown } | undefined> {
  return askMaster(pidFile, async (client) => ({
    result: await client.request(order, answerTimeoutMs, onPart),
  }));
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

function fail(): never {
  throw unexpectedAnswer();
}

function unexpectedAnswer(): GatewayWorkerError {
  return new GatewayWorkerError('GW_ERR_INTERNAL', 'the master gave an answer of another version');
}
