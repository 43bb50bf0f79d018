import type { GatewayClient, GatewayLink } from '@gatewayworker/gateway-client';
import {
  formatClientId,
  fromByteString,
  type Message,
  type Payload,
  type ReceivedRequest,
  type SessionState,
  toByteString,
} from '@gatewayworker/protocol';
import type { Closed, Context, HandshakeRequest } from './event-handler.ts';
import { parseHandshakeRequest } from './handshake-request.ts';
import { MoveableSession } from './moveable-session.ts';
import { SessionCopy } from './session-copy.ts';

/** An event of a client. */
export type ClientEvent = (
  | { readonly kind: 'connected' }
  | {
      readonly kind: 'message';
      readonly message: string | Buffer;
      /** Size of the message in its frame, in bytes. */
      readonly byteLength: number;
      /** Number of the client for it; 0 for a client that cannot resume. */
      readonly number: number;
    }
  | {
      readonly kind: 'request';
      readonly request: ReceivedRequest;
      /** Size of the payload, in bytes. */
      readonly byteLength: number;
    }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'resumed'; readonly awayMs: number }
  | { readonly kind: 'closed'; readonly closed: Closed }
) & {
  /** True when another worker may already have handled it. */
  readonly isRedelivered?: boolean;
};

/** A gateway that expects acknowledgements of a client, which has left it. */
interface AckTarget {
  readonly link: GatewayLink;
  readonly connection: number;
  /** Number of events that are not acknowledged. */
  left: number;
}

/** A client that is attached to this worker: the `ctx` of its callbacks, and its waiting events. */
export class ClientContext implements Context {
  readonly clientId: string;
  /** Where the client is. It changes when a client that can resume moves to another gateway. */
  link: GatewayLink;
  connection: number;
  nonceHigh: number;
  nonceLow: number;
  remoteAddress: string;
  remotePort: number;
  gatewayPort: number;
  /** What is needed to move the client to another gateway; `undefined` for a client that cannot resume. */
  readonly moveable: MoveableSession | undefined;
  /** Where events that came before the last move are acknowledged, the oldest first. */
  #before: AckTarget[] | undefined;
  redelivered = false;
  readonly sessionCopy: SessionCopy;
  closed: Closed | undefined;
  /** True while no gateway has the client: changes of its session wait. */
  isMoving = false;
  /** True while a callback of this client runs. */
  isBusy = false;
  /** Events that wait until the running callback has settled, in order. */
  waiting: ClientEvent[] | undefined;
  #uid: string | undefined;
  /** Number of changes of the uid by this worker. */
  #ownUidChanges = 0;
  readonly #gateway: GatewayClient;
  /** The packed handshake request, as a byte string. */
  #packedRequest: string | undefined;

  constructor(link: GatewayLink, client: Message<'clientAttached'>, gateway: GatewayClient) {
    const { connection, nonceHigh, nonceLow } = client;
    const { gatewayToken } = link;
    const { resumable } = client;
    this.clientId =
      resumable?.clientId ?? formatClientId({ gatewayToken, connection, nonceHigh, nonceLow });
    this.moveable = resumable && new MoveableSession(resumable);
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

  /** Continues at another gateway. Events that are not completed are acknowledged to the previous one. */
  move(link: GatewayLink, client: Message<'clientAttached'>): void {
    const events = (this.isBusy ? 1 : 0) + (this.waiting?.length ?? 0);
    const left = events - (this.#before?.reduce((sum, target) => sum + target.left, 0) ?? 0);
    if (left > 0) {
      this.#before ??= [];
      this.#before.push({ link: this.link, connection: this.connection, left });
    }
    this.link = link;
    this.connection = client.connection;
    this.nonceHigh = client.nonceHigh;
    this.nonceLow = client.nonceLow;
    this.remoteAddress = client.remoteAddress;
    this.remotePort = client.remotePort;
    this.gatewayPort = client.gatewayPort;
    this.#packedRequest = client.request && toByteString(client.request);
    this.#uid = client.uid;
    this.#ownUidChanges = 0;
    this.sessionCopy.reattach(client.session);
    if (client.resumable !== undefined) this.moveable?.update(client.resumable);
  }

  /** Returns where the event that is completed now is acknowledged. */
  takeAckTarget(): Pick<ClientContext, 'link' | 'connection'> {
    const [target] = this.#before ?? [];
    if (target === undefined) return this;
    target.left -= 1;
    if (target.left === 0) this.#before?.shift();
    if (this.#before?.length === 0) this.#before = undefined;
    return target;
  }

  /** Describes the session for another gateway. */
  describe(isParked: boolean, awayMs: number): SessionState | undefined {
    const { moveable, remoteAddress, remotePort, gatewayPort } = this;
    if (moveable === undefined) return undefined;
    return {
      info: moveable.describe(this.clientId),
      uid: this.#uid,
      session: this.sessionCopy.packed,
      request: this.#packedRequest === undefined ? undefined : fromByteString(this.#packedRequest),
      remoteAddress,
      remotePort,
      gatewayPort,
      isParked,
      awayMs,
    };
  }

  /** True once its connection has ended, also if `onClose` waits for earlier events. */
  get isEnding(): boolean {
    if (this.closed !== undefined) return true;
    return this.waiting?.some(({ kind }) => kind === 'closed') === true;
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
