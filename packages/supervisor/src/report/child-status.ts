import { copyFigures } from '@gatewayworker/core';
import type { ChildExit, ChildReport } from '../control/child-protocol.ts';
import { listNotReadyReasons } from './child-health.ts';
import { type LastExit, ProcessState, type ProcessStatus, unknownExit } from './status-report.ts';

/** Unexpected exits of the processes of one slot. */
export class ExitRecord {
  #lastExit: LastExit | null = null;
  readonly #counts = new Map<string, number>();

  get lastExit(): LastExit | null {
    return this.#lastExit;
  }

  /** Number of exits by signal or exit code. */
  get counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  add({ code, signal, isUnknown }: ChildExit): void {
    this.#lastExit = { code, signal };
    const key = isUnknown === true ? unknownExit : (signal ?? String(code));
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }
}

/** What a master knows about a process without a request. */
export interface ProcessFacts {
  readonly role: string;
  readonly name: string;
  readonly id: number;
  readonly state: ProcessState;
  readonly listen: string;
  readonly restarts: number;
  readonly exits: ExitRecord;
}

/** A process that can report its figures. */
export interface DescribedChild {
  readonly pid: number | undefined;
  readonly livedMs: number;
  /** See `RunningChild.stackUnavailableReason`. */
  readonly stackUnavailableReason: string | undefined;
  report(timeoutMs: number): Promise<ChildReport | undefined>;
  stack(timeoutMs: number): Promise<string | undefined>;
}

/**
 * Requests the figures of a process. A process that does not answer in time is shown as busy, with its stack.
 *
 * @param child - `undefined` while there is no process
 */
export async function describeChild(
  child: DescribedChild | undefined,
  facts: ProcessFacts,
  timeoutMs: number,
): Promise<ProcessStatus> {
  const report = await child?.report(timeoutMs);
  const state = refineState(facts.state, report);
  const isBusy = state === ProcessState.busy;
  const stack = isBusy ? await child?.stack(timeoutMs) : undefined;
  const reasons = listNotReadyReasons(state === ProcessState.unready ? facts.state : state, report);
  if (isBusy && child?.stackUnavailableReason !== undefined)
    reasons.push(child.stackUnavailableReason);
  return {
    pid: child?.pid ?? null,
    role: facts.role,
    name: facts.name,
    id: facts.id,
    state,
    reasons,
    listen: report?.listen || facts.listen,
    ...copyFigures(report, ['role', 'process']),
    uptimeSeconds: child === undefined ? null : child.livedMs / 1_000,
    restarts: facts.restarts,
    lastExit: facts.exits.lastExit,
    exits: facts.exits.counts,
    stack: stack ?? null,
  };
}

/** The processes of one slot. */
export interface DescribedSlot {
  readonly current: DescribedChild | undefined;
  /** Fills the slot once it is ready. */
  readonly successor: DescribedChild | undefined;
  /** Finish their work and end. */
  readonly stopping: Iterable<DescribedChild>;
}

/** Requests the figures of the processes of a slot. */
export function describeSlot(
  { current, successor, stopping }: DescribedSlot,
  facts: ProcessFacts,
  timeoutMs: number,
): Promise<ProcessStatus[]> {
  const describe = (child: DescribedChild | undefined, state: ProcessState) =>
    describeChild(child, { ...facts, state }, timeoutMs);
  const rows = [...stopping].map((child) => describe(child, ProcessState.stopping));
  if (successor !== undefined) rows.unshift(describe(successor, ProcessState.starting));
  if (successor === undefined || current !== undefined)
    rows.unshift(describe(current, facts.state));
  return Promise.all(rows);
}

function refineState(state: ProcessState, report: ChildReport | undefined): ProcessState {
  if (state !== ProcessState.ready) return state;
  if (report === undefined) return ProcessState.busy;
  return listNotReadyReasons(state, report).length === 0
    ? ProcessState.ready
    : ProcessState.unready;
}
