import { GatewayWorkerError, type StopOptions } from '@gatewayworker/core';
import { readFields } from '../control/json-value.ts';
import type { OnConnections } from '../processes/running-child.ts';

/** A gateway process of this master. */
export interface GatewayProcess {
  /** Of its declaration. */
  readonly name: string;
  readonly id: number;
  /** Such as `chat-gateway #0`. */
  readonly label: string;
  /** Requests its clients, some at a time. See `RunningChild.connections`. */
  connections(timeoutMs: number, onPage: OnConnections): Promise<void>;
  /** Stops it and does not restart it; resolves with whether it was killed. */
  drain(options: StopOptions): Promise<boolean>;
  /**
   * Starts it again after a drain; resolves with whether it was drained.
   *
   * @throws {GW_ERR_PHASE} while it drains
   * @throws {GW_ERR_PROCESS_FAILED} when it fails to start; it stays stopped
   */
  undrain(): Promise<boolean>;
}

/** A gateway process that has drained. */
export interface DrainStep {
  /** Such as `chat-gateway #0`. */
  readonly process: string;
  /** Whether it was killed because it had not ended at the deadline. */
  readonly wasKilled: boolean;
}

/** A gateway process that was asked to accept clients again. */
export interface UndrainStep {
  /** Such as `chat-gateway #0`. */
  readonly process: string;
  /** False for a process that was not drained; it is left as it is. */
  readonly wasDrained: boolean;
}

/**
 * Finds the gateway processes with a name.
 *
 * @param name - of a declaration, or `name#id`; all of them when it is absent
 * @throws {GW_ERR_NOT_DECLARED} when there is none, naming the known ones
 */
export function findGateways(
  gateways: readonly GatewayProcess[],
  name: string | undefined,
): readonly GatewayProcess[] {
  const found = gateways.filter(
    (gateway) => name === undefined || name === gateway.name || name === processName(gateway),
  );
  if (found.length > 0) return found;
  if (name === undefined) {
    throw new GatewayWorkerError('GW_ERR_NOT_DECLARED', 'this start file declares no gateway');
  }
  const known = [...new Set(gateways.map(processName))].join(', ');
  const message = `there is no gateway "${name}"; known: ${known === '' ? 'none' : known}`;
  throw new GatewayWorkerError('GW_ERR_NOT_DECLARED', message);
}

function processName({ name, id }: GatewayProcess): string {
  return `${name}#${id}`;
}

/** Reads a step that came from a master; `undefined` when it is not one. */
export function parseDrainStep(value: unknown): DrainStep | undefined {
  return readFields(value, { process: 'string', wasKilled: 'boolean' });
}

/** Reads a step that came from a master; `undefined` when it is not one. */
export function parseUndrainStep(value: unknown): UndrainStep | undefined {
  return readFields(value, { process: 'string', wasDrained: 'boolean' });
}
