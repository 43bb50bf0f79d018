import type { Framing } from '../load/load-plan.ts';

/** A server that is measured beside others. */
export interface Contender {
  /** As it stands on the command line. */
  readonly name: string;
  /** As it stands in tables. */
  readonly title: string;
  readonly framing: Framing;
  /** Whether a process outside can push to its clients. */
  readonly canPush: boolean;
  /** Why it cannot run on this machine, with what to do about it; undefined when it can. */
  unavailable(): string | undefined;
  /** Starts it on free ports and resolves once it takes clients. */
  start(): Promise<RunningContender>;
}

/** A server that runs. */
export interface RunningContender {
  /** Where clients connect. */
  readonly ports: readonly number[];
  /** All its processes. */
  readonly pids: readonly number[];
  /** The module of the process that pushes from outside, and its argument. */
  readonly push?: { readonly module: URL; readonly argument: string };
  /** Ends its processes and resolves once they are gone. */
  stop(): Promise<void>;
}
