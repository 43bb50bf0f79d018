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
/** Time for a master to end after its processes, in milliseconds. */
const EXIT_TIMEOUT_MS = 5_000;
/** Time for the parent of a master to reap it, in milliseconds. */
const REAP_MS = 1_000;

/**
 * Resolves with the pid of the master that runs with this pid file; `undefined` when there is none.
 *
 * The control socket decides, not the pid file: its pid may have passed to another program.
 *
 * @throws {GW_ERR_QUERY_TIMEOUT} when a master runs but does not answer
 */
export function findMaster(pidFile: string): Promise<number | undefined> {
  return requestAnswer(pidFile, { command: ControlCommand.ping }, parsePid);
}

/** Requests the status report of the running master; `undefined` when none runs. */
export function requestStatus(pidFile: string): Promise<StatusReport | undefined> {
  return requestAnswer(pidFile, { command: ControlCommand.status }, parseStatusReport);
}

/** Requests the health report of the running master; `undefined` when none runs. */
export function requestHealth(pidFile: string): Promise<HealthReport | undefined> {
  return requestAnswer(pidFile, { command: ControlCommand.health }, parseHealthReport);
}

/**
 * Stops the running master with all its processes, and resolves with its pid; `undefined` when none runs.
 *
 * @param isGraceful - whether the processes finish their work first
 * @throws {GW_ERR_QUERY_TIMEOUT} when it has not ended within the time that it announced
 */
export function requestStop(pidFile: string, isGraceful: boolean): Promise<number | undefined> {
  return withMaster(pidFile, async (client) => {
    const order = { command: ControlCommand.stop, isGraceful };
    const answer = await request(client, pidFile, order);
    const { pid, timeoutMs } = assertAnswer(
      readFields(answer, { pid: 'number', timeoutMs: 'number' }),
    );
    await waitForExit(client, pid, timeoutMs + EXIT_TIMEOUT_MS);
    return pid;
  });
}

/**
 * Reloads, and resolves with the pid of the master; `undefined` when none runs.
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
 * Requests the clients of every gateway, and resolves with the gateways whose list is incomplete; `undefined` when no
 * master runs.
 *
 * @param onRows - receives some of the clients at a time
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
 * Drains gateways, and resolves with the pid of the master; `undefined` when none runs.
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
 * Starts drained gateways again, and resolves with the pid of the master; `undefined` when none runs.
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

/**
 * Ends the running master, but not its processes. Resolves with its pid and whether `start -d` started it; `undefined`
 * when no master runs.
 */
export function requestDetach(
  pidFile: string,
): Promise<{ readonly pid: number; readonly isDaemon: boolean } | undefined> {
  return withMaster(pidFile, async (client) => {
    const answer = await request(client, pidFile, { command: ControlCommand.detach });
    const left = assertAnswer(readFields(answer, { pid: 'number', isDaemon: 'boolean' }));
    await waitForExit(client, left.pid, EXIT_TIMEOUT_MS);
    return left;
  });
}

/** @param onPart - receives each part before the answer */
function requestAnswer<T>(
  pidFile: string,
  order: ControlOrder,
  parse: (answer: unknown) => T | undefined,
  onPart?: (part: unknown) => void,
): Promise<T | undefined> {
  return withMaster(pidFile, async (client) =>
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

async function withMaster<T>(
  pidFile: string,
  use: (client: ControlClient) => Promise<T>,
): Promise<T | undefined> {
  const client = await ControlClient.connect(controlPath(pidFile));
  if (client === undefined) return undefined;
  try {
    return await use(client);
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

/** Waits until the process has closed its connection and was reaped. A parent that does not reap it keeps its pid. */
async function waitForExit(client: ControlClient, pid: number, timeoutMs: number): Promise<void> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, 'late' as const, { signal: timer.signal });
  late.catch(() => {});
  const first = await Promise.race([client.closed, late]).finally(() => timer.abort());
  if (first === 'late') {
    const message = `process ${pid} has not ended within ${timeoutMs} ms`;
    throw new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT', message);
  }
  const deadline = performance.now() + REAP_MS;
  while (isRunning(pid) && performance.now() < deadline) await sleep(10);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
