import type { Framing } from '../load/load-plan.ts';

/** A server that is compared with others. */
export interface Contender {
  /** Name on the command line. */
  readonly name: string;
  /** Name in tables. */
  readonly title: string;
  readonly framing: Framing;
  /** Whether another process can push to its clients. */
  readonly canPush: boolean;
  /** Returns why it cannot run on this machine, with a remedy; `undefined` if it can. */
  unavailable(): string | undefined;
  /** Starts it on free ports, and resolves once it accepts clients. */
  start(): Promise<RunningContender>;
}

/** A running server. */
export interface RunningContender {
  /** Ports for clients. */
  readonly ports: readonly number[];
  /** All its processes. */
  readonly pids: readonly number[];
  /** Module of the process that pushes from outside, and its argument. */
  readonly push?: { readonly module: URL; readonly argument: string };
  /** Stops its processes, and resolves once they have ended. */
  stop(): Promise<void>;
}
