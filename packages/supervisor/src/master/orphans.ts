import { createLogger } from '@gatewayworker/core';
import { type ChildIdentity, OnMasterExit } from '../control/child-protocol.ts';
import { Role, startOrder } from '../process-declaration.ts';
import { findProcesses } from '../processes/found-processes.ts';
import { RunningChild } from '../processes/running-child.ts';
import { checkHealth } from '../report/child-health.ts';
import { describeChild, ExitRecord } from '../report/child-status.ts';
import { type ConnectionRow, parseConnectionPart } from '../report/connection-report.ts';
import { type HealthReport, reportHealth } from '../report/health-report.ts';
import { ProcessState, type StatusReport } from '../report/status-report.ts';
import { isAlreadyRunning, Master, type MasterOptions } from './master.ts';

/** Time for each answer, in milliseconds. */
const ANSWER_MS = 1_000;

/** A process that runs without a master; `identity` is absent when it does not answer. */
interface Orphan {
  readonly child: RunningChild;
  readonly pid: number;
  readonly identity: ChildIdentity | undefined;
}

/** Asks the processes that run without a master for their figures; `undefined` when there are none. */
export function readOrphanStatus(pidFile: string): Promise<StatusReport | undefined> {
  return askOrphans(pidFile, async (orphans) => {
    const rows = orphans.map(({ child, identity }) => {
      const { role = 'unknown', name = 'unknown', id = 0 } = identity ?? {};
      const facts = { role, name, id, state: stateOf(identity), listen: '', restarts: 0 };
      return describeChild(child, { ...facts, exits: new ExitRecord() }, ANSWER_MS);
    });
    return { processes: await Promise.all(rows) };
  });
}

/** Asks the processes that run without a master whether they live and are ready; `undefined` when there are none. */
export function readOrphanHealth(
  pidFile: string,
  masterName: string,
): Promise<HealthReport | undefined> {
  return askOrphans(pidFile, async (orphans) => {
    const times = { answerMs: ANSWER_MS, startMs: 0 };
    const rows = orphans.map(({ child, identity }) => {
      const { role = Role.worker, name = 'unknown', id = 0 } = identity ?? {};
      return checkHealth({ role, name }, id, () => ({ child, state: stateOf(identity) }), times);
    });
    const why = { live: false, ready: false, reasons: ['no master runs'], warnings: [] };
    const master = { pid: null, role: 'master', name: masterName, id: 0, ...why };
    return reportHealth([master, ...(await Promise.all(rows))]);
  });
}

/**
 * Requests the clients of the gateways that run without a master, and answers the gateways whose list is incomplete;
 * `undefined` when no process runs.
 *
 * @param onRows - gets some of them at a time
 */
export function readOrphanConnections(
  pidFile: string,
  onRows: (rows: readonly ConnectionRow[]) => void,
): Promise<readonly string[] | undefined> {
  return askOrphans(pidFile, async (orphans) => {
    const lists = orphans.map(async ({ child, pid, identity }) => {
      if (identity === undefined) return [`process ${pid}`];
      if (identity.role !== Role.gateway) return [];
      const gateway = `${identity.name}#${identity.id}`;
      try {
        await child.connections(ANSWER_MS, async ({ connections }) => {
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
 * Stops the processes that run without a master, and answers how many there were; `undefined` when there
 * are none.
 *
 * Until they have stopped this process is their master, so that no other master attaches to them.
 *
 * @param isGraceful - whether they finish what they have begun
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
    const count = await master.takeCharge();
    await master.stop('the stop command', isGraceful);
    return count;
  } catch (error) {
    // A master has just been started: the caller asks that one.
    if (isAlreadyRunning(error)) return undefined;
    throw error;
  }
}

async function askOrphans<T>(
  pidFile: string,
  ask: (orphans: readonly Orphan[]) => Promise<T>,
): Promise<T | undefined> {
  const logger = createLogger({ stdout: false });
  const events = { onReady() {}, onTerminate() {}, onEnd() {} };
  const found = (await findProcesses(pidFile)).map(async ({ source, pid, close }) => {
    const child = new RunningChild(source, events, { logger, onMasterExit: OnMasterExit.keep });
    return { child, pid, identity: await child.identify(ANSWER_MS), close };
  });
  const orphans = await Promise.all(found);
  try {
    return orphans.length === 0 ? undefined : await ask(orphans.sort(byRole));
  } finally {
    for (const { close } of orphans) close();
  }
}

/** In the order in which `status` shows them. */
function byRole({ identity: one }: Orphan, { identity: other }: Orphan): number {
  const place = (identity: ChildIdentity | undefined) =>
    identity === undefined ? startOrder.length : startOrder.indexOf(identity.role);
  return place(one) - place(other) || (one?.id ?? 0) - (other?.id ?? 0);
}

function stateOf(identity: ChildIdentity | undefined): ProcessState {
  return identity === undefined ? ProcessState.ready : ProcessState[identity.state];
}
