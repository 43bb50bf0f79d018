import type { GatewayApi } from 'gatewayworker';
import type { ServerMessage } from '../shared/socket-message.ts';

/** What the rules need of the cluster: `gateway` in a business worker, a `GatewayClient` in the HTTP process. */
export type Push = Pick<
  GatewayApi,
  | 'batchGetClientIdCountByGroup'
  | 'closeClient'
  | 'closeGroup'
  | 'isUidsOnline'
  | 'sendToClient'
  | 'sendToUid'
>;

/** Writes a message the way it goes to a client. */
export function encode(message: ServerMessage): string {
  return JSON.stringify(message);
}

/** Tells every device of these people; the message is written and framed once. */
export function tell(push: Push, userIds: readonly string[], message: ServerMessage): void {
  if (userIds.length > 0) push.sendToUid(userIds, encode(message));
}

/** Group of all connections of a device. */
export function deviceGroup(deviceId: string): string {
  return `device:${deviceId}`;
}
