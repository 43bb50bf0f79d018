export { ClientError, type ClientErrorCode } from './client-error.ts';
export { connect } from './connect.ts';
export type {
  Client,
  ClientEvents,
  ClientState,
  ClosedEvent,
  ConnectOptions,
  DownEvent,
  GapEvent,
  MessageInfo,
  OpenEvent,
  Protocol,
  RequestOptions,
  SendOptions,
  WebSocketClass,
  WebSocketLike,
} from './types.ts';
