import type { RunningChild } from './running-child.ts';

/** What becomes of the processes of one place that an earlier master has left. */
export interface ProcessChoice {
  /** Keeps the place. */
  readonly kept: RunningChild | undefined;
  /** Were told to stop already. */
  readonly leaving: readonly RunningChild[];
  /** Are to be stopped. */
  readonly needless: readonly RunningChild[];
}

/** Chooses the process to keep: one that is ready, or else the youngest. A reload may have left two. */
export function chooseProcess(children: readonly RunningChild[]): ProcessChoice {
  const leaving = children.filter(({ identity }) => identity?.state === 'stopping');
  const candidates = children.filter((child) => !leaving.includes(child));
  const isReady = ({ identity }: RunningChild) => identity?.state === 'ready';
  const [kept, ...needless] = candidates.sort(
    (one, other) => Number(isReady(other)) - Number(isReady(one)) || one.livedMs - other.livedMs,
  );
  return { kept, leaving, needless };
}

/** Whether a process that was found is not ready yet; it may have become ready since it was asked. */
export function isStarting({ identity, readyReport }: RunningChild): boolean {
  return identity?.state === 'starting' && readyReport === undefined;
}
