import type { Payload } from '@gatewayworker/protocol';
import type { CloseOptions } from './arguments.ts';
import type { GatewayQueryApi } from './gateway-query-api.ts';
import type { ReceiptOptions, SendReceipt } from './receipt-options.ts';

/** Receivers of `sendToAll`. */
export interface SendToAllOptions {
  /** Send only to these clients; an empty list sends to no client. @default every client */
  readonly only?: readonly string[];
  /** Do not send to these clients. @default [] */
  readonly exclude?: readonly string[];
}

/** Receivers of `sendToGroup`. */
export interface SendToGroupOptions {
  /** Do not send to these clients. @default [] */
  readonly exclude?: readonly string[];
}

/**
 * The Gateway API: sends to clients on any gateway of the cluster, and queries about them. `gateway` in a business
 * worker and `GatewayClient` in any other process implement it, so code that takes a `GatewayApi` runs in both.
 *
 * Each command returns at once whether it was queued for a live link. Unknown and stale client ids are ignored. Each
 * gateway executes the commands of a caller in the order of the calls, and its queries see its earlier commands. Wrong
 * arguments throw a `TypeError` or `RangeError` before anything is sent. A string is sent as text, bytes as binary.
 */
export interface GatewayApi extends GatewayQueryApi {
  /** Sends to every client of the cluster. */
  sendToAll(data: Payload, options?: SendToAllOptions): boolean;
  /** Sends to one client. */
  sendToClient(clientId: string, data: Payload): boolean;
  /** Sends to one client, and resolves with its receipt. */
  sendToClient(clientId: string, data: Payload, options: ReceiptOptions): Promise<SendReceipt>;
  /** Sends to every client of one or several uids. */
  sendToUid(uid: string | number | readonly (string | number)[], data: Payload): boolean;
  /** Sends to every client of one or several uids, and resolves with their receipts. */
  sendToUid(
    uid: string | number | readonly (string | number)[],
    data: Payload,
    options: ReceiptOptions,
  ): Promise<SendReceipt>;
  /** Sends to every member of one or several groups; a client in two of them receives it once. */
  sendToGroup(
    group: string | readonly string[],
    data: Payload,
    options?: SendToGroupOptions,
  ): boolean;
  /** Sends a last message, if given, and closes the client once everything is sent. */
  closeClient(clientId: string, data?: Payload | null, options?: CloseOptions): boolean;
  /** Disconnects a client at once, and drops messages that are not sent yet. */
  destroyClient(clientId: string): boolean;
  /** Closes every client of a uid, as `closeClient` does. */
  closeUid(uid: string | number, data?: Payload | null, options?: CloseOptions): boolean;
  /** Closes every member of a group, as `closeClient` does. */
  closeGroup(group: string, data?: Payload | null, options?: CloseOptions): boolean;
  /** Binds a client to a uid. A client has one uid, so the last call wins; a uid may have any number of clients. */
  bindUid(clientId: string, uid: string | number): boolean;
  /** Unbinds a client from its uid. */
  unbindUid(clientId: string): boolean;
  /** Adds a client to a group. It leaves the group automatically when it closes. */
  joinGroup(clientId: string, group: string): boolean;
  /** Removes a client from a group. */
  leaveGroup(clientId: string, group: string): boolean;
  /** Removes every client from a group. */
  ungroup(group: string): boolean;
  /** Replaces the session of a client. */
  setSession(clientId: string, session: object): boolean;
  /** Deeply merges a partial session into the session of a client. */
  updateSession(clientId: string, partial: object): boolean;
}
