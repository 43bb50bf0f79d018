import { GatewayWorkerError, type StopOptions, toWire } from '@gatewayworker/core';
import type { ChildExit, ChildReport } from '../control/child-protocol.ts';
import { STACK_TIMEOUT_MS } from './child-stop.ts';
import type { RunningChild } from './running-child.ts';

/** Options of a replacement. */
export interface ReplaceOptions {
  /** Time for the successor to become ready, in milliseconds. */
  readonly readyTimeoutMs: number;
  /** How the predecessor is stopped. */
  readonly stop: StopOptions;
  /** Whether the predecessor starts the successor itself, and hands its clients over. @default false */
  readonly isHandover?: boolean;
}

/** A process that has replaced another one. */
export interface Replacement {
  /** Null when no process ran. */
  readonly oldPid: number | null;
  readonly newPid: number;
  /** Time from its start until it was ready, in milliseconds. */
  readonly afterMs: number;
  /** Resolves once the predecessor has ended, with whether it had to be killed. */
  readonly wasKilled: Promise<boolean>;
}

/** A pending call of `start`. */
export interface FirstStart {
  resolve(): void;
  reject(error: Error): void;
}

/** A process that replaces another one once it is ready. */
export interface Successor {
  readonly child: RunningChild;
  onReady(report: ChildReport): void;
  onEnd(end: ChildExit): void;
}

/** The failure of a process that was not ready in time, with its stack. */
export async function describeReadyTimeout(
  child: RunningChild,
  readyTimeoutMs: number,
): Promise<Pick<ChildExit, 'failure'>> {
  const stack = await child.stack(STACK_TIMEOUT_MS);
  const message = `it was not ready within ${readyTimeoutMs} ms`;
  const error = { code: 'GW_ERR_PROCESS_FAILED', message };
  return { failure: { error, ...(stack === undefined ? {} : { stack }) } };
}

/** The exit of a process that the system could not create. */
export function launchFailure(error: unknown): ChildExit {
  return { code: null, signal: null, failure: { error: toWire(error) } };
}

/** The error of a start or a replacement that a stop has interrupted. */
export function stoppedBeforeReady(): GatewayWorkerError {
  return new GatewayWorkerError('GW_ERR_PHASE', 'stopped before it was ready');
}
