import type { RunningChild } from './running-child.ts';

/** The processes of one place that an earlier master has left, by what the new master does with them. */
export interface ProcessChoice {
  /** Stays in the place. */
  readonly kept: RunningChild | undefined;
  /** Have been stopping since before. */
  readonly leaving: readonly RunningChild[];
  /** The master stops them. */
  readonly surplus: readonly RunningChild[];
}

/** Chooses the process to keep: one that is ready, or else the youngest. A reload that was interrupted leaves two. */
export function chooseProcess(children: readonly RunningChild[]): ProcessChoice {
  const leaving = children.filter(({ identity }) => identity?.state === 'stopping');
  const candidates = children.filter((child) => !leaving.includes(child));
  const isReady = ({ identity }: RunningChild) => identity?.state === 'ready';
  const [kept, ...surplus] = candidates.sort(
    (one, other) => Number(isReady(other)) - Number(isReady(one)) || one.livedMs - other.livedMs,
  );
  return { kept, leaving, surplus };
}

/** Whether a process that was found is not ready yet; it may have become ready since it was asked. */
export function isStarting({ identity, readyReport }: RunningChild): boolean {
  return identity?.state === 'starting' && readyReport === undefined;
}
