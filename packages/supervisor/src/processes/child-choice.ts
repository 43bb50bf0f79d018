import type { RunningChild } from './running-child.ts';

/** The processes of one slot that an earlier master has left, by what the new master does with them. */
export interface ProcessChoice {
  /** Fills the slot. */
  readonly kept: RunningChild | undefined;
  /** Were already stopping. */
  readonly stopping: readonly RunningChild[];
  /** The master stops them. */
  readonly duplicates: readonly RunningChild[];
}

/** Chooses the process to keep: one that is ready, else the youngest. An interrupted reload leaves two. */
export function chooseProcess(children: readonly RunningChild[]): ProcessChoice {
  const stopping = children.filter(({ identity }) => identity?.state === 'stopping');
  const candidates = children.filter((child) => !stopping.includes(child));
  const isReady = ({ identity }: RunningChild) => identity?.state === 'ready';
  const [kept, ...duplicates] = candidates.sort(
    (one, other) => Number(isReady(other)) - Number(isReady(one)) || one.livedMs - other.livedMs,
  );
  return { kept, stopping, duplicates };
}

/** Whether a process was starting when it answered `identify`, and has not become ready since. */
export function isStarting({ identity, readyReport }: RunningChild): boolean {
  return identity?.state === 'starting' && readyReport === undefined;
}
