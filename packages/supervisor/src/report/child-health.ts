import type { ChildReport } from '../control/child-protocol.ts';
import type { ProcessDeclaration } from '../process-declaration.ts';
import type { ProcessHealth } from './health-report.ts';
import { ProcessState } from './status-report.ts';

/** How long a process may take. */
export interface HealthTimeouts {
  /** For its answer, in milliseconds. */
  readonly answerMs: number;
  /** For its start, before it has to answer, in milliseconds. */
  readonly startMs: number;
}

/** A process that can be asked. */
export interface AskedChild {
  readonly pid: number | undefined;
  readonly livedMs: number;
  report(timeoutMs: number): Promise<ChildReport | undefined>;
}

/** The process of a number at this moment. */
export interface ChildSnapshot {
  readonly child: AskedChild | undefined;
  readonly state: ProcessState;
}

/** Time for the answer of a process that need not answer yet, in milliseconds: a probe should not wait for it. */
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
 * Asks a process whether it lives and can serve.
 *
 * @param look - answers which process that is now; it may be another one after the question
 */
export async function checkHealth(
  { role, name }: Pick<ProcessDeclaration, 'role' | 'name'>,
  id: number,
  look: () => ChildSnapshot,
  times: HealthTimeouts,
): Promise<ProcessHealth> {
  const asked = look();
  const mustAnswer = mustRespond(asked, times.startMs);
  const timeoutMs = mustAnswer ? times.answerMs : Math.min(times.answerMs, STARTING_ANSWER_MS);
  const report = await asked.child?.report(timeoutMs);
  const now = look();
  const isSame = now.child === asked.child;
  const live = report !== undefined || !mustAnswer || !isSame || !mustRespond(now, times.startMs);
  const reasons = listNotReadyReasons(
    live ? now.state : ProcessState.busy,
    isSame ? report : undefined,
  );
  const pid = now.child?.pid ?? null;
  const warnings = (isSame ? report?.warnings : undefined) ?? [];
  return { pid, role, name, id, live, ready: reasons.length === 0, reasons, warnings };
}

/** One that is down, stops, or still has time to start is looked after by its master. */
function mustRespond({ child, state }: ChildSnapshot, startMs: number): boolean {
  if (child === undefined) return false;
  return (
    state === ProcessState.ready || (state === ProcessState.starting && child.livedMs > startMs)
  );
}

/**
 * Says why a process is not ready, in plain words; empty when it is. `health`, `status` and `start` agree by it.
 *
 * @param state - as the master knows it, or busy
 * @param report - what the process says of itself, if it has answered
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
