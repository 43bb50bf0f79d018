import type { GatewayApi } from 'gatewayworker';
import type { ServerMessage } from '../shared/socket-message.ts';

/** The part of the Gateway API that the messenger uses: `gateway` in a business worker, a `GatewayClient` in the HTTP process. */
export type Push = Pick<
  GatewayApi,
  'batchGetClientIdCountByGroup' | 'closeClient' | 'closeGroup' | 'isUidsOnline'
> & {
  // Without receipts, which a fake cluster does not have.
  sendToClient(clientId: string, data: string | Uint8Array): boolean;
  sendToUid(
    uid: string | number | readonly (string | number)[],
    data: string | Uint8Array,
  ): boolean;
};

/** Encodes a message for a client. */
export function encode(message: ServerMessage): string {
  return JSON.stringify(message);
}

/** Sends a message to every device of these users; it is encoded and framed once. */
export function notify(push: Push, userIds: readonly string[], message: ServerMessage): void {
  if (userIds.length > 0) push.sendToUid(userIds, encode(message));
}

/** The group of all connections of a device. */
export function deviceGroup(deviceId: string): string {
  return `device:${deviceId}`;
}
