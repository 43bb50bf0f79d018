import { GatewayWorkerError } from '@gatewayworker/core';
import type { ChildHandle } from './child-handle.ts';
import { readBoolean, readString } from './json-value.ts';

/** A gateway process that has drained. */
export interface DrainStep {
  /** Such as `chat-gateway #0`. */
  readonly process: string;
  /** Whether it had not finished at the deadline. */
  readonly wasKilled: boolean;
}

/**
 * Finds the gateway processes that a name stands for.
 *
 * @param name - of a declaration, or `name#id`; all of them when it is absent
 * @throws {GW_ERR_PROCESS_FAILED} when there is none, naming those that there are
 */
export function findGateways(
  gateways: readonly ChildHandle[],
  name: string | undefined,
): readonly ChildHandle[] {
  const found = gateways.filter(
    ({ declaration, id }) =>
      name === undefined || name === declaration.name || name === `${declaration.name}#${id}`,
  );
  if (found.length > 0) return found;
  if (name === undefined) {
    throw new GatewayWorkerError('GW_ERR_PROCESS_FAILED', 'this start file declares no gateway');
  }
  const known = gateways.map(({ declaration, id }) => `${declaration.name}#${id}`).join(', ');
  const message = `there is no gateway "${name}"; known: ${known === '' ? 'none' : known}`;
  throw new GatewayWorkerError('GW_ERR_PROCESS_FAILED', message);
}

/** Reads a step that came from a master; `undefined` when it is not one. */
export function parseDrainStep(value: unknown): DrainStep | undefined {
  const process = readString(value, 'process');
  const wasKilled = readBoolean(value, 'wasKilled');
  return process === undefined || wasKilled === undefined ? undefined : { process, wasKilled };
}
