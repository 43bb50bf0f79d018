export { allowPartial } from './allow-partial.ts';
export {
  type CloseOptions,
  parseClientIdArgument,
  parseGroupList,
  parseUid,
} from './arguments.ts';
export { enqueueToClient } from './delivery.ts';
export type { GatewayApi, SendToAllOptions, SendToGroupOptions } from './gateway-api.ts';
export { GatewayClient } from './gateway-client.ts';
export type { GatewayLink } from './gateway-link.ts';
export { type GatewayFrameHandler, GatewayPool, type GatewayPoolOptions } from './gateway-pool.ts';
export type { UidState } from './gateway-query-api.ts';
export {
  type GatewayClientOptions,
  gatewayClientDefaults,
  type ResolvedGatewayClientOptions,
  resolveGatewayClientOptions,
} from './options.ts';
export type { DeviceReceipt, ReceiptOptions, SendReceipt } from './receipt-options.ts';
export { sendReply } from './send.ts';
export { packSession } from './session-argument.ts';
