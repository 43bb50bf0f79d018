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

/** An event of a client that waits for the one before it. */
export type ClientEvent = (
  | { readonly kind: 'connected' }
  | {
      readonly kind: 'message';
      readonly message: string | Buffer;
      /** Bytes of the message as it came. */
      readonly byteLength: number;
    }
  | { readonly kind: 'closed'; readonly closed: Closed }
) & {
  /** True when an earlier worker may have handled it. */
  readonly isRedelivered?: boolean;
};

/** A client that is attached to this worker: what callbacks see of it, and its events. */
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
  /** True while a callback about it runs. */
  isBusy = false;
  /** Events that wait for the running callback, in order. */
  waiting: ClientEvent[] | undefined;
  #uid: string | undefined;
  /** Changes of the uid that this worker has made. */
  #ownUidChanges = 0;
  readonly #gateway: GatewayClient;
  /** As msgpack, in a byte string. */
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

  /** Takes over a change of the uid that this worker has sent to the gateway. */
  changeUid(uid: string | undefined): void {
    this.#ownUidChanges += 1;
    this.#uid = uid;
  }

  /**
   * Takes over what the gateway tells of the uid, unless this worker has changed it since.
   *
   * @param applied - how many of this worker's own changes the gateway has applied
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
