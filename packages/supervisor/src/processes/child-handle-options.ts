import type { Logger } from '@gatewayworker/core';
import type { OnMasterExit } from '../control/child-protocol.ts';
import type { ProcessDeclaration } from '../process-declaration.ts';
import type { ProcessSource } from './process-source.ts';
import type { RunningChild } from './running-child.ts';

/** What a handle needs from its supervisor. */
export interface ChildHandleOptions {
  readonly declaration: ProcessDeclaration;
  readonly id: number;
  readonly logger: Logger;
  /** Time to stop for a process that received SIGTERM from outside, in milliseconds. */
  readonly stopTimeoutMs: number;
  readonly readyTimeoutMs: number;
  readonly onMasterExit: OnMasterExit;
  /**
   * Starts a process.
   *
   * @param siblings - processes that may have the listening sockets, of which this master has none
   */
  readonly launch: (siblings: readonly RunningChild[]) => ProcessSource;
  /** Has a process start its own successor. */
  readonly succeed: (predecessor: RunningChild) => ProcessSource;
  /** The processes of the other places of the declaration. */
  readonly siblings: () => readonly RunningChild[];
}
