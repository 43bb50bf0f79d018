import type { Payload } from '@gatewayworker/protocol';
import type { CloseOptions } from './arguments.ts';
import type { GatewayQueryApi } from './gateway-query-api.ts';

/** Receivers of `sendToAll`. */
export interface SendToAllOptions {
  /** Send to these clients alone; an empty list sends to nobody. @default every client */
  readonly only?: readonly string[];
  /** Leave these clients out. @default [] */
  readonly exclude?: readonly string[];
}

/** Receivers of `sendToGroup`. */
export interface SendToGroupOptions {
  /** Leave these clients out. @default [] */
  readonly exclude?: readonly string[];
}

/**
 * The Gateway API: sends to clients wherever they are connected, and asks about them. `gateway` in a business
 * worker and `GatewayClient` anywhere else both are one: whoever takes it works in either.
 *
 * Every send answers at once whether it was handed to a live link; unknown and stale client ids are
 * ignored. Commands take effect in the order of the calls, per gateway, and queries see the commands
 * of the same caller. Wrong arguments throw a `TypeError` or `RangeError` at the call, before anything
 * is sent. A string is sent as text, bytes as binary.
 */
export interface GatewayApi extends GatewayQueryApi {
  /** Sends to every client of the cluster. */
  sendToAll(data: Payload, options?: SendToAllOptions): boolean;
  /** Sends to one client. */
  sendToClient(clientId: string, data: Payload): boolean;
  /** Sends to every client of one uid or of several. */
  sendToUid(uid: string | number | readonly (string | number)[], data: Payload): boolean;
  /** Sends to every member of one group or of several; a client in two of them gets it once. */
  sendToGroup(
    group: string | readonly string[],
    data: Payload,
    options?: SendToGroupOptions,
  ): boolean;
  /** Sends a last message, if there is one, and closes the client when it has taken everything. */
  closeClient(clientId: string, data?: Payload | null, options?: CloseOptions): boolean;
  /** Drops a client at once, and what was not sent to it. */
  destroyClient(clientId: string): boolean;
  /** Closes every client of a uid, as `closeClient` does. */
  closeUid(uid: string | number, data?: Payload | null, options?: CloseOptions): boolean;
  /** Closes every member of a group, as `closeClient` does. */
  closeGroup(group: string, data?: Payload | null, options?: CloseOptions): boolean;
  /** Binds a client to a uid. A client has one uid, the last wins; a uid has any number of clients. */
  bindUid(clientId: string, uid: string | number): boolean;
  /** Unbinds a client from its uid. */
  unbindUid(clientId: string): boolean;
  /** Adds a client to a group. It leaves by itself when it closes. */
  joinGroup(clientId: string, group: string): boolean;
  /** Takes a client out of a group. */
  leaveGroup(clientId: string, group: string): boolean;
  /** Takes every client out of a group. */
  ungroup(group: string): boolean;
  /** Replaces the session of a client. */
  setSession(clientId: string, session: object): boolean;
  /** Merges a partial session deeply into the session of a client. */
  updateSession(clientId: string, partial: object): boolean;
}
