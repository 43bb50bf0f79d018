import { GatewayClient, type GatewayPool } from '@gatewayworker/client';
import type { AttachedClients } from './attached-clients.ts';

/**
 * The Gateway API inside a worker.
 *
 * What it changes of a client that is attached to this worker is seen by the client's own context at
 * once, not only when the gateway has told of it.
 */
export class WorkerGateway extends GatewayClient {
  readonly #clients: () => AttachedClients;

  constructor(pool: () => GatewayPool, clients: () => AttachedClients) {
    super(pool);
    this.#clients = clients;
  }

  override bindUid(clientId: string, uid: string | number): boolean {
    const isHanded = super.bindUid(clientId, uid);
    if (isHanded) this.#clients().find(clientId)?.changeUid(String(uid));
    return isHanded;
  }

  override unbindUid(clientId: string): boolean {
    const isHanded = super.unbindUid(clientId);
    if (isHanded) this.#clients().find(clientId)?.changeUid(undefined);
    return isHanded;
  }
}
