import { createLogger } from '@gatewayworker/core';
import { type ChildIdentity, OnMasterExit } from '../control/child-protocol.ts';
import { slotKey } from '../control/child-socket.ts';
import { type ProcessDeclaration, Role, startOrder } from '../process-declaration.ts';
import { findProcesses } from '../processes/found-processes.ts';
import { RunningChild } from '../processes/running-child.ts';
import { checkHealth } from '../report/child-health.ts';
import { describeChild, ExitRecord } from '../report/child-status.ts';
import { type ConnectionRow, parseConnectionPart } from '../report/connection-report.ts';
import { type HealthReport, reportHealth } from '../report/health-report.ts';
import { ProcessState, type StatusReport } from '../report/status-report.ts';
import { isAlreadyRunning, Master, type MasterOptions } from './master.ts';

/** Time for each answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 1_000;

/** The processes that the start file declares. */
type Declared = readonly Pick<ProcessDeclaration, 'role' | 'name' | 'count'>[];

/** Role, name and number of a process. */
type ProcessName = Pick<ChildIdentity, 'role' | 'name' | 'id'>;

/** A process that runs without a master; `identity` is absent when it does not answer. */
interface Orphan {
  readonly child: RunningChild;
  readonly pid: number;
  readonly identity: ChildIdentity | undefined;
  /** Absent when it does not answer and the start file does not declare it. */
  readonly process: ProcessName | undefined;
}

/**
 * Requests the figures of the processes that run without a master; `undefined` when there are none.
 *
 * @param declared - provides the names of processes that do not answer
 */
export function readOrphanStatus(
  pidFile: string,
  declared: Declared,
): Promise<StatusReport | undefined> {
  return withOrphans(pidFile, declared, async (orphans) => {
    const rows = orphans.map(({ child, identity, process }) => {
      const { role = 'unknown', name = 'unknown', id = 0 } = process ?? {};
      const facts = { role, name, id, state: stateOf(identity), listen: '', restarts: 0 };
      return describeChild(child, { ...facts, exits: new ExitRecord() }, ANSWER_TIMEOUT_MS);
    });
    return { processes: await Promise.all(rows) };
  });
}

/**
 * Checks whether the processes that run without a master answer and are ready; `undefined` when there are none.
 *
 * @param declared - provides the names of processes that do not answer
 */
export function readOrphanHealth(
  pidFile: string,
  declared: Declared,
  masterName: string,
): Promise<HealthReport | undefined> {
  return withOrphans(pidFile, declared, async (orphans) => {
    const timeouts = { answerMs: ANSWER_TIMEOUT_MS, startMs: 0 };
    const rows = orphans.map(({ child, identity, process }) => {
      const { role = Role.worker, name = 'unknown', id = 0 } = process ?? {};
      return checkHealth({ role, name }, id, () => ({ child, state: stateOf(identity) }), timeouts);
    });
    const status = { live: false, ready: false, reasons: ['no master runs'], warnings: [] };
    const master = { pid: null, role: 'master', name: masterName, id: 0, ...status };
    return reportHealth([master, ...(await Promise.all(rows))]);
  });
}

/**
 * Requests the clients of the gateways that run without a master, and resolves with the gateways whose list is
 * incomplete; `undefined` when no process runs.
 *
 * @param declared - provides the names of processes that do not answer
 * @param onRows - receives some of the clients at a time
 */
export function readOrphanConnections(
  pidFile: string,
  declared: Declared,
  onRows: (rows: readonly ConnectionRow[]) => void,
): Promise<readonly string[] | undefined> {
  return withOrphans(pidFile, declared, async (orphans) => {
    const lists = orphans.map(async ({ child, pid, identity, process }) => {
      if (process === undefined) return [`process ${pid}`];
      if (process.role !== Role.gateway) return [];
      const gateway = `${process.name}#${process.id}`;
      if (identity === undefined) return [gateway];
      try {
        await child.connections(ANSWER_TIMEOUT_MS, async ({ connections }) => {
          onRows(parseConnectionPart({ pid, gateway, connections }) ?? []);
          return true;
        });
        return [];
      } catch {
        // The command names the gateways whose list is incomplete.
        return [gateway];
      }
    });
    return (await Promise.all(lists)).flat();
  });
}

/**
 * Stops the processes that run without a master, and resolves with their number; `undefined` when there are none.
 *
 * Until they have stopped, this process is their master, so that no other master attaches to them.
 *
 * @param isGraceful - whether the processes finish their work first
 * @throws {GW_ERR_LISTEN_FAILED} when the control socket cannot be opened
 */
export async function stopOrphans(
  options: Omit<MasterOptions, 'logToStdout' | 'onMasterExit'>,
  isGraceful: boolean,
): Promise<number | undefined> {
  const found = await findProcesses(options.pidFile);
  for (const { close } of found) close();
  if (found.length === 0) return undefined;
  const onMasterExit = OnMasterExit.keep;
  const master = new Master([], { ...options, logToStdout: false, onMasterExit });
  try {
    const count = await master.acquireControl();
    await master.stop('the stop command', isGraceful);
    return count;
  } catch (error) {
    // A master has just been started: the caller sends its command to that one.
    if (isAlreadyRunning(error)) return undefined;
    throw error;
  }
}

async function withOrphans<T>(
  pidFile: string,
  declared: Declared,
  use: (orphans: readonly Orphan[]) => Promise<T>,
): Promise<T | undefined> {
  const logger = createLogger({ stdout: false });
  const events = { onReady() {}, onTerminate() {}, onEnd() {} };
  const found = (await findProcesses(pidFile)).map(async ({ source, slot, pid, close }) => {
    const child = new RunningChild(source, events, { logger, onMasterExit: OnMasterExit.keep });
    const identity = await child.identify(ANSWER_TIMEOUT_MS);
    return { child, pid, identity, process: identity ?? findDeclared(declared, slot), close };
  });
  const orphans = await Promise.all(found);
  try {
    return orphans.length === 0 ? undefined : await use(orphans.sort(byRole));
  } finally {
    for (const { close } of orphans) close();
  }
}

/** Finds the declared process of a slot, which the file name of a control socket contains. */
function findDeclared(declared: Declared, slot: string): ProcessName | undefined {
  for (const { role, name, count } of declared) {
    for (let id = 0; id < count; id += 1) {
      if (slotKey(role, name, id) === slot) return { role, name, id };
    }
  }
  return undefined;
}

/** Sorts processes in the order of `status`. */
function byRole({ process: one }: Orphan, { process: other }: Orphan): number {
  const rank = (process: ProcessName | undefined) =>
    process === undefined ? startOrder.length : startOrder.indexOf(process.role);
  return rank(one) - rank(other) || (one?.id ?? 0) - (other?.id ?? 0);
}

function stateOf(identity: ChildIdentity | undefined): ProcessState {
  return identity === undefined ? ProcessState.ready : ProcessState[identity.state];
}
