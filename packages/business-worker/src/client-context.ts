import type { GatewayClient, GatewayLink } from '@gatewayworker/gateway-client';
import {
  formatClientId,
  fromByteString,
  type Message,
  type Payload,
  toByteString,
} from '@gatewayworker/protocol';
import type { Closed, Context, HandshakeRequest } from './event-handler.ts';
import { parseHandshakeRequest } from './handshake-request.ts';
import { SessionCopy } from './session-copy.ts';

/** An event of a client. */
export type ClientEvent = (
  | { readonly kind: 'connected' }
  | {
      readonly kind: 'message';
      readonly message: string | Buffer;
      /** Size of the message in its frame, in bytes. */
      readonly byteLength: number;
    }
  | { readonly kind: 'closed'; readonly closed: Closed }
) & {
  /** True when another worker may already have handled it. */
  readonly isRedelivered?: boolean;
};

/** A client that is attached to this worker: the `ctx` of its callbacks, and its waiting events. */
export class ClientContext implements Context {
  readonly clientId: string;
  readonly link: GatewayLink;
  readonly connection: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly gatewayPort: number;
  redelivered = false;
  readonly sessionCopy: SessionCopy;
  closed: Closed | undefined;
  /** True while a callback of this client runs. */
  isBusy = false;
  /** Events that wait until the running callback has settled, in order. */
  waiting: ClientEvent[] | undefined;
  #uid: string | undefined;
  /** Number of changes of the uid by this worker. */
  #ownUidChanges = 0;
  readonly #gateway: GatewayClient;
  /** The packed handshake request, as a byte string. */
  readonly #packedRequest: string | undefined;

  constructor(link: GatewayLink, client: Message<'clientAttached'>, gateway: GatewayClient) {
    const { connection, nonceHigh, nonceLow } = client;
    const { gatewayToken } = link;
    this.clientId = formatClientId({ gatewayToken, connection, nonceHigh, nonceLow });
    this.link = link;
    this.connection = connection;
    this.nonceHigh = nonceHigh;
    this.nonceLow = nonceLow;
    this.remoteAddress = client.remoteAddress;
    this.remotePort = client.remotePort;
    this.gatewayPort = client.gatewayPort;
    this.#uid = client.uid;
    this.sessionCopy = new SessionCopy(client.session);
    this.#packedRequest = client.request && toByteString(client.request);
    this.#gateway = gateway;
  }

  get gatewayName(): string {
    return this.link.name;
  }

  get uid(): string | undefined {
    return this.#uid;
  }

  /** Applies a change of the uid that this worker has sent to the gateway. */
  changeUid(uid: string | undefined): void {
    this.#ownUidChanges += 1;
    this.#uid = uid;
  }

  /**
   * Applies a change of the uid that the gateway reports, unless this worker has changed the uid since then.
   *
   * @param applied - number of changes by this worker that the gateway had applied
   */
  applyUidChange(uid: string | undefined, applied: number): void {
    if (applied >= this.#ownUidChanges) this.#uid = uid;
  }

  get session(): Record<string, unknown> | undefined {
    return this.sessionCopy.value;
  }

  set session(session: Record<string, unknown> | undefined) {
    this.sessionCopy.value = session;
  }

  get request(): HandshakeRequest | undefined {
    return this.#packedRequest === undefined
      ? undefined
      : parseHandshakeRequest(fromByteString(this.#packedRequest));
  }

  send(data: Payload): boolean {
    return this.#gateway.sendToClient(this.clientId, data);
  }
}
