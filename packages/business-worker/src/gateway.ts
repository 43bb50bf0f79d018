import type { GatewayPool } from '@gatewayworker/client';
import { GatewayWorkerError } from '@gatewayworker/core';
import type { AttachedClients } from './attached-clients.ts';
import { WorkerGateway } from './worker-gateway.ts';

/** What the `gateway` object of this process works on. */
export interface WorkerProcess {
  readonly pool: GatewayPool;
  readonly clients: AttachedClients;
}

// The one piece of module state in the role packages: `gateway` is imported by application code
// before the worker of its process has started.
let current: WorkerProcess | undefined;

function currentProcess(): WorkerProcess {
  if (current === undefined) throw new GatewayWorkerError('GW_ERR_NOT_IN_WORKER');
  return current;
}

/**
 * The Gateway API of this worker process.
 *
 * Every method throws `GW_ERR_NOT_IN_WORKER` outside a BusinessWorker.
 */
export const gateway: WorkerGateway = new WorkerGateway(
  () => currentProcess().pool,
  () => currentProcess().clients,
);

/** Says what `gateway` works on from now on. */
export function setWorkerProcess(worker: WorkerProcess | undefined): void {
  current = worker;
}
