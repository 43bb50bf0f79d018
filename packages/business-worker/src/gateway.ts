import { GatewayWorkerError, processState } from '@gatewayworker/core';
import type { GatewayPool } from '@gatewayworker/gateway-client';
import type { AttachedClients } from './attached-clients.ts';
import { WorkerGateway } from './worker-gateway.ts';

/** The parts of the worker process that the `gateway` object uses. */
export interface WorkerProcess {
  readonly pool: GatewayPool;
  readonly clients: AttachedClients;
}

/** Set while the worker of this process runs. */
interface WorkerHolder {
  current: WorkerProcess | undefined;
}

// Application code imports `gateway` before the worker of its process starts, possibly from another copy of the package
// than the one that runs the worker.
let holder: WorkerHolder | undefined;

function workerHolder(): WorkerHolder {
  holder ??= processState<WorkerHolder>('worker', () => ({ current: undefined }));
  return holder;
}

function currentProcess(): WorkerProcess {
  const { current } = workerHolder();
  if (current === undefined) throw new GatewayWorkerError('GW_ERR_NOT_IN_WORKER');
  return current;
}

/**
 * The Gateway API of this worker process.
 *
 * Every method throws `GW_ERR_NOT_IN_WORKER` outside a BusinessWorker, and `GW_ERR_VERSION_MISMATCH` when another
 * version of the package runs the worker.
 */
export const gateway: WorkerGateway = new WorkerGateway(
  () => currentProcess().pool,
  () => currentProcess().clients,
);

/** Sets the worker process that `gateway` uses from now on. */
export function setWorkerProcess(worker: WorkerProcess | undefined): void {
  workerHolder().current = worker;
}
