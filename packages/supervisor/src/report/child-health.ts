import type { ChildReport } from '../control/child-protocol.ts';
import type { ProcessDeclaration } from '../process-declaration.ts';
import type { ProcessHealth } from './health-report.ts';
import { ProcessState } from './status-report.ts';

/** Timeouts of a health check. */
export interface HealthTimeouts {
  /** Time for the answer of a process, in milliseconds. */
  readonly answerMs: number;
  /** Time for a process to start, before it must answer, in milliseconds. */
  readonly startMs: number;
}

/** A process that can be checked. */
export interface CheckedChild {
  readonly pid: number | undefined;
  readonly livedMs: number;
  report(timeoutMs: number): Promise<ChildReport | undefined>;
}

/** Process and state of a slot at one moment. */
export interface ChildSnapshot {
  readonly child: CheckedChild | undefined;
  readonly state: ProcessState;
}

/** Time for the answer of a process that need not answer yet, in milliseconds: short, so that probes do not wait. */
const STARTING_ANSWER_MS = 200;

const stateReasons: Readonly<Record<ProcessState, string>> = {
  [ProcessState.starting]: 'it is starting',
  [ProcessState.ready]: '',
  [ProcessState.unready]: 'it cannot do its work at the moment',
  [ProcessState.busy]: 'it has not answered for a second',
  [ProcessState.waiting]: 'it ended too often and is started again after a pause',
  [ProcessState.stopping]: 'it is stopping',
  [ProcessState.stopped]: 'it is not running',
  [ProcessState.drained]: 'it was drained',
};

/**
 * Checks whether a process answers and is ready.
 *
 * @param snapshot - returns the current process and state of the slot, which may change during the request
 */
export async function checkHealth(
  { role, name }: Pick<ProcessDeclaration, 'role' | 'name'>,
  id: number,
  snapshot: () => ChildSnapshot,
  timeouts: HealthTimeouts,
): Promise<ProcessHealth> {
  const { answerMs, startMs } = timeouts;
  const before = snapshot();
  const isRequired = mustRespond(before, startMs);
  const timeoutMs = isRequired ? answerMs : Math.min(answerMs, STARTING_ANSWER_MS);
  const report = await before.child?.report(timeoutMs);
  const now = snapshot();
  const isSame = now.child === before.child;
  const live = report !== undefined || !isRequired || !isSame || !mustRespond(now, startMs);
  const reasons = listNotReadyReasons(
    live ? now.state : ProcessState.busy,
    isSame ? report : undefined,
  );
  const pid = now.child?.pid ?? null;
  const warnings = (isSame ? report?.warnings : undefined) ?? [];
  return { pid, role, name, id, live, ready: reasons.length === 0, reasons, warnings };
}

/** A process that is down, stopping, or still has time to start is handled by its master, and need not respond. */
function mustRespond({ child, state }: ChildSnapshot, startMs: number): boolean {
  if (child === undefined) return false;
  return (
    state === ProcessState.ready || (state === ProcessState.starting && child.livedMs > startMs)
  );
}

/**
 * Lists the reasons why a process is not ready, in plain words; empty when it is. `health`, `status` and `start` all use
 * this list.
 *
 * @param state - state known to the master, or busy
 * @param report - report of the process, if it has answered
 */
export function listNotReadyReasons(
  state: ProcessState,
  report: ChildReport | undefined,
): string[] {
  const { ready = false, notReadyReasons = [] } = report ?? {};
  const isUnable = state === ProcessState.ready && !ready && notReadyReasons.length === 0;
  const refined = isUnable ? ProcessState.unready : state;
  return [stateReasons[refined], ...notReadyReasons].filter((reason) => reason !== '');
}
