import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError } from '@gatewayworker/core';
import { ControlClient } from '../control/control-client.ts';
import { ControlCommand, type ControlOrder, type ReloadKind } from '../control/control-messages.ts';
import { readField, readFields, readNumber } from '../control/json-value.ts';
import { controlPath } from '../control/run-directory.ts';
import { type ConnectionRow, parseConnectionPart } from '../report/connection-report.ts';
import { type HealthReport, parseHealthReport } from '../report/health-report.ts';
import { parseStatusReport, type StatusReport } from '../report/status-report.ts';
import { type DrainStep, parseDrainStep, parseUndrainStep, type UndrainStep } from './drain.ts';
import { readPidFile } from './pid-file.ts';
import { parseReloadStep, type ReloadStep } from './reload.ts';

const ANSWER_TIMEOUT_MS = 5_000;
/** Time for the last steps of a master after its children are gone. */
const LAST_STEPS_MS = 5_000;
/** Time for the parent of a master to collect it, in milliseconds. */
const COLLECT_MS = 1_000;

/**
 * Answers the pid of the master that runs with this pid file; `undefined` when there is none.
 *
 * The control socket decides, not the pid file: its pid may have passed to another program.
 *
 * @throws {GW_ERR_QUERY_TIMEOUT} when a master is there but does not answer
 */
export function findMaster(pidFile: string): Promise<number | undefined> {
  return requestAnswer(pidFile, { command: ControlCommand.ping }, parsePid);
}

/** Asks the running master for its report; `undefined` when none runs. */
export function requestStatus(pidFile: string): Promise<StatusReport | undefined> {
  return requestAnswer(pidFile, { command: ControlCommand.status }, parseStatusReport);
}

/** Asks the running master whether its processes live and are ready; `undefined` when none runs. */
export function requestHealth(pidFile: string): Promise<HealthReport | undefined> {
  return requestAnswer(pidFile, { command: ControlCommand.health }, parseHealthReport);
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
    const answer = await request(client, pidFile, order);
    const { pid, timeoutMs } = assertAnswer(
      readFields(answer, { pid: 'number', timeoutMs: 'number' }),
    );
    await untilEnded(client, pid, timeoutMs + LAST_STEPS_MS);
    return pid;
  });
}

/**
 * Reloads, and answers the pid of the master; `undefined` when none runs.
 *
 * @throws {GW_ERR_PHASE} when the master is starting, stopping or reloading
 * @throws {GW_ERR_PROCESS_FAILED} when a new process does not become ready; the old one keeps running
 */
export function requestReload(
  pidFile: string,
  kind: ReloadKind,
  onStep: (step: ReloadStep) => void,
): Promise<number | undefined> {
  const order = { command: ControlCommand.reload, kind } as const;
  return requestAnswer(pidFile, order, parsePid, (part) =>
    onStep(assertAnswer(parseReloadStep(part))),
  );
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
  const order = { command: ControlCommand.connections } as const;
  const parseMissing = (answer: unknown) => {
    const missing = readField(answer, 'missing');
    return Array.isArray(missing) ? missing.map(String) : undefined;
  };
  return requestAnswer(pidFile, order, parseMissing, (part) =>
    onRows(assertAnswer(parseConnectionPart(part))),
  );
}

/**
 * Drains gateways, and answers the pid of the master; `undefined` when none runs.
 *
 * @param gateway - name of a declaration, or `name#id`; every gateway when it is absent
 * @throws {GW_ERR_PHASE} when the master is starting or stopping
 * @throws {GW_ERR_NOT_DECLARED} when there is no such gateway
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
  return requestAnswer(pidFile, order, parsePid, (part) =>
    onStep(assertAnswer(parseDrainStep(part))),
  );
}

/**
 * Starts drained gateways again, and answers the pid of the master; `undefined` when none runs.
 *
 * @param gateway - name of a declaration, or `name#id`; every gateway when it is absent
 * @throws {GW_ERR_PHASE} when the master is starting or stopping, or a gateway is still draining
 * @throws {GW_ERR_NOT_DECLARED} when there is no such gateway
 * @throws {GW_ERR_PROCESS_FAILED} when one fails to start
 */
export function requestUndrain(
  pidFile: string,
  gateway: string | undefined,
  onStep: (step: UndrainStep) => void,
): Promise<number | undefined> {
  const order = { command: ControlCommand.undrain, ...(gateway === undefined ? {} : { gateway }) };
  return requestAnswer(pidFile, order, parsePid, (part) =>
    onStep(assertAnswer(parseUndrainStep(part))),
  );
}

/** Ends the running master without its processes, and answers its pid and whether `start -d` made it; `undefined` when none runs. */
export function requestLeave(
  pidFile: string,
): Promise<{ readonly pid: number; readonly isDaemon: boolean } | undefined> {
  return askMaster(pidFile, async (client) => {
    const answer = await request(client, pidFile, { command: ControlCommand.leave });
    const left = assertAnswer(readFields(answer, { pid: 'number', isDaemon: 'boolean' }));
    await untilEnded(client, left.pid, LAST_STEPS_MS);
    return left;
  });
}

/** @param onPart - gets each part of the answer before */
function requestAnswer<T>(
  pidFile: string,
  order: ControlOrder,
  parse: (answer: unknown) => T | undefined,
  onPart?: (part: unknown) => void,
): Promise<T | undefined> {
  return askMaster(pidFile, async (client) =>
    assertAnswer(parse(await request(client, pidFile, order, onPart))),
  );
}

async function request(
  client: ControlClient,
  pidFile: string,
  order: ControlOrder,
  onPart?: (part: unknown) => void,
): Promise<unknown> {
  try {
    return await client.request(order, ANSWER_TIMEOUT_MS, onPart);
  } catch (error) {
    const isTimeout = error instanceof GatewayWorkerError && error.code === 'GW_ERR_QUERY_TIMEOUT';
    if (!isTimeout) throw error;
    const pid = readPidFile(pidFile) ?? 'unknown';
    const message = `the master (pid ${pid}) gave no answer within ${ANSWER_TIMEOUT_MS} ms: try again, or end it with kill -9 and start another`;
    throw new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT', message, { cause: error });
  }
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

function parsePid(answer: unknown): number | undefined {
  return readNumber(answer, 'pid');
}

function assertAnswer<T>(answer: T | undefined): T {
  if (answer !== undefined) return answer;
  throw new GatewayWorkerError(
    'GW_ERR_VERSION_MISMATCH',
    'the master gave an answer of another version',
  );
}

/** Waits until the process has closed its connection and is gone. A parent that does not collect it leaves its pid in place. */
async function untilEnded(client: ControlClient, pid: number, timeoutMs: number): Promise<void> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, 'late' as const, { signal: timer.signal });
  late.catch(() => {});
  const first = await Promise.race([client.closed, late]).finally(() => timer.abort());
  if (first === 'late') {
    const message = `process ${pid} has not ended within ${timeoutMs} ms`;
    throw new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT', message);
  }
  const deadline = performance.now() + COLLECT_MS;
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
