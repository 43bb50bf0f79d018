import {
  enqueueToClient,
  type GatewayApi,
  GatewayClient,
  type GatewayPool,
  packSession,
} from '@gatewayworker/gateway-client';
import {
  mergeDelta,
  packSessionDelta,
  parseClientId,
  replacementDelta,
  type SessionData,
  type SessionDelta,
  unpackValue,
  writeApplySessionDelta,
} from '@gatewayworker/protocol';
import type { AttachedClients } from './attached-clients.ts';
import type { ClientContext } from './client-context.ts';

/**
 * The Gateway API inside a worker.
 *
 * The context of a client that is attached to this worker shows a change by this API at once, not only after the
 * gateway has reported it.
 */
export class WorkerGateway extends GatewayClient implements GatewayApi {
  readonly #pool: () => GatewayPool;
  readonly #clients: () => AttachedClients;

  constructor(pool: () => GatewayPool, clients: () => AttachedClients) {
    super(pool);
    this.#pool = pool;
    this.#clients = clients;
  }

  override bindUid(clientId: string, uid: string | number): boolean {
    const isQueued = super.bindUid(clientId, uid);
    if (isQueued) this.#clients().find(clientId)?.changeUid(String(uid));
    return isQueued;
  }

  override setSession(clientId: string, session: object): boolean {
    const context = this.#find(clientId);
    if (context === undefined) return super.setSession(clientId, session);
    const packed = packSession('session', session);
    return this.#changeSession(context, replacementDelta(unpackSession(packed)));
  }

  override updateSession(clientId: string, partial: object): boolean {
    const context = this.#find(clientId);
    if (context === undefined) return super.updateSession(clientId, partial);
    const packed = packSession('partial', partial);
    return this.#changeSession(context, mergeDelta(unpackSession(packed)));
  }

  override unbindUid(clientId: string): boolean {
    const isQueued = super.unbindUid(clientId);
    if (isQueued) this.#clients().find(clientId)?.changeUid(undefined);
    return isQueued;
  }

  /** The client, if it is attached to this worker. Other types are left to the checks of arguments. */
  #find(clientId: unknown): ClientContext | undefined {
    return typeof clientId === 'string' ? this.#clients().find(clientId) : undefined;
  }

  /** Sends a change as ApplySessionDelta, like that of a callback: the gateway counts it and does not report it back. */
  #changeSession(context: ClientContext, delta: SessionDelta): boolean {
    const { clientId, sessionCopy } = context;
    const packed = packSessionDelta(delta);
    const isQueued = enqueueToClient(this.#pool(), parseClientId(clientId), (writer, address) => {
      writeApplySessionDelta(writer, address, packed);
    });
    if (isQueued) sessionCopy.applyOwnChange(delta);
    return isQueued;
  }
}

/** Unpacks the state of the gateway, so that later changes of the caller's object have no effect. */
function unpackSession(packed: Uint8Array): SessionData {
  return unpackValue(packed) as SessionData;
}
