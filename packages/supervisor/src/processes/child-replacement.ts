import { GatewayWorkerError, type StopOptions, toWire } from '@gatewayworker/core';
import type { ChildExit, ChildReport } from '../control/child-protocol.ts';
import { LAST_STACK_MS } from './child-stop.ts';
import type { RunningChild } from './running-child.ts';

/** How a process is replaced. */
export interface ReplaceOptions {
  /** Time that the successor has. */
  readonly readyTimeoutMs: number;
  /** How the predecessor ends. */
  readonly stop: StopOptions;
  /** Whether the successor takes over from the predecessor, which starts it itself. @default false */
  readonly isHandover?: boolean;
}

/** A process that took the place of another one. */
export interface Replacement {
  /** Null when the process was down. */
  readonly oldPid: number | null;
  readonly newPid: number;
  /** Time from its start until it was ready, in milliseconds. */
  readonly afterMs: number;
  /** Resolves once the predecessor is gone, with whether it had to be killed. */
  readonly left: Promise<boolean>;
}

/** A start that waits for its process. */
export interface FirstStart {
  resolve(): void;
  reject(error: Error): void;
}

/** A process that takes the place of another one once it is ready. */
export interface Successor {
  readonly child: RunningChild;
  onReady(report: ChildReport): void;
  onEnd(end: ChildExit): void;
}

/** Says why a process was given up that is still starting. */
export async function describeLateness(
  child: RunningChild,
  readyTimeoutMs: number,
): Promise<Pick<ChildExit, 'failure'>> {
  const stack = await child.stack(LAST_STACK_MS);
  const message = `it was not ready within ${readyTimeoutMs} ms`;
  const error = { code: 'GW_ERR_PROCESS_FAILED', message };
  return { failure: { error, ...(stack === undefined ? {} : { stack }) } };
}

/** The end of a process that the system did not make. */
export function couldNotBeMade(error: unknown): ChildExit {
  return { code: null, signal: null, failure: { error: toWire(error) } };
}

/** The error of a start or a replacement that a stop has ended. */
export function stoppedMeanwhile(): GatewayWorkerError {
  return new GatewayWorkerError('GW_ERR_PHASE', 'stopped before it was ready');
}
