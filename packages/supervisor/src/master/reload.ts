import { GatewayWorkerError } from '@gatewayworker/core';
import { ReloadKind } from '../control/control-messages.ts';
import { readNumber, readString } from '../control/json-value.ts';
import type { ChildHandle } from '../processes/child-handle.ts';
import { HANDOVER_MS } from '../processes/child-stop.ts';

/** A step of a reload, sent to the command that waits for it. */
export type ReloadStep =
  | {
      readonly step: 'replaced';
      /** Such as `chat-worker #0`. */
      readonly process: string;
      /** Null when no process ran. */
      readonly oldPid: number | null;
      readonly newPid: number;
      readonly afterMs: number;
    }
  /** The process is drained and is not replaced. */
  | { readonly step: 'skipped'; readonly process: string }
  /** The predecessor had not ended at the deadline. */
  | { readonly step: 'killed'; readonly process: string; readonly oldPid: number };

/** Timeouts of a reload, in milliseconds. */
export interface ReloadTimeouts {
  readonly readyTimeoutMs: number;
  readonly stopTimeoutMs: number;
}

/**
 * Replaces processes one after another: each is stopped once its successor is ready. Drained processes are skipped.
 *
 * The reload stops at the first failure, so new code that cannot start replaces no process.
 *
 * @throws {GW_ERR_PROCESS_FAILED} when a successor does not become ready (its predecessor keeps running), or ends
 * before its predecessor has ended
 */
export async function reloadProcesses(
  handles: readonly ChildHandle[],
  kind: ReloadKind,
  { readyTimeoutMs, stopTimeoutMs }: ReloadTimeouts,
  onStep: (step: ReloadStep) => void,
): Promise<void> {
  const isHandover = kind === ReloadKind.gateways;
  const drainMs = isHandover ? HANDOVER_MS : 0;
  const stop = { isGraceful: true, timeoutMs: stopTimeoutMs, drainMs };
  for (const handle of handles) {
    const process = handle.label;
    if (handle.isDisabled) {
      onStep({ step: 'skipped', process });
      continue;
    }
    const replacement = await handle.replace({ readyTimeoutMs, stop, isHandover });
    const { oldPid, newPid, afterMs, wasKilled } = replacement;
    onStep({ step: 'replaced', process, oldPid, newPid, afterMs });
    if ((await wasKilled) && oldPid !== null) onStep({ step: 'killed', process, oldPid });
    if (isHandover && !handle.current.some(({ pid }) => pid === newPid)) {
      const text = `${process}: the new process ${newPid} ended while clients moved to it, and they lost their connections`;
      throw new GatewayWorkerError('GW_ERR_PROCESS_FAILED', text);
    }
  }
}

/** Reads a step that came from a master; `undefined` when it is not one. */
export function parseReloadStep(value: unknown): ReloadStep | undefined {
  const step = readString(value, 'step');
  const process = readString(value, 'process');
  const oldPid = readNumber(value, 'oldPid') ?? null;
  const newPid = readNumber(value, 'newPid');
  const afterMs = readNumber(value, 'afterMs');
  if (process === undefined) return undefined;
  if (step === 'skipped') return { step, process };
  if (step === 'killed') return oldPid === null ? undefined : { step, process, oldPid };
  if (step !== 'replaced' || newPid === undefined || afterMs === undefined) return undefined;
  return { step, process, oldPid, newPid, afterMs };
}

/** Formats a step as one line, without the line break. @param width - of the longest process name */
export function formatReloadStep(step: ReloadStep, width = 0): string {
  const name = `${step.process}:`.padEnd(width + 1);
  if (step.step === 'skipped') return `${name} drained, not replaced`;
  if (step.step === 'killed') {
    return `${name} ${step.oldPid} was killed: it did not finish in time`;
  }
  return `${name} ${step.oldPid ?? 'down'} -> ${step.newPid}, ready after ${step.afterMs} ms`;
}

/** Creates the error of a reload during another one. */
export function alreadyReloading(): GatewayWorkerError {
  return new GatewayWorkerError('GW_ERR_PHASE', 'cannot reload: another reload is under way');
}
