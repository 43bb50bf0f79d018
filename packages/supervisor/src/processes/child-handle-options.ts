import type { Logger } from '@gatewayworker/core';
import type { OnMasterExit } from '../control/child-protocol.ts';
import type { ProcessDeclaration } from '../process-declaration.ts';
import type { ProcessSource } from './process-source.ts';
import type { RunningChild } from './running-child.ts';

/** Options of a `ChildHandle`. */
export interface ChildHandleOptions {
  readonly declaration: ProcessDeclaration;
  readonly id: number;
  readonly logger: Logger;
  /** Time to stop for a process that received SIGTERM from another program, in milliseconds. */
  readonly stopTimeoutMs: number;
  readonly readyTimeoutMs: number;
  readonly onMasterExit: OnMasterExit;
  /**
   * Starts a process.
   *
   * @param siblings - processes that may have the listening sockets, if this master has no copy of them
   */
  readonly launch: (siblings: readonly RunningChild[]) => ProcessSource;
  /** Orders a process to start its own successor. */
  readonly launchSuccessor: (predecessor: RunningChild) => ProcessSource;
  /** The processes in the other slots of the declaration. */
  readonly siblings: () => readonly RunningChild[];
}
