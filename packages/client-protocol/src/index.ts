export {
  decodeClientFrame,
  encodeBye,
  encodeCall,
  encodeCancel,
  encodeClientFrame,
  encodeHello,
  encodePong,
  encodeReceived,
  MAX_RECEIPT_VALUE_BYTES,
} from './client-frame.ts';
export { ClientProtocolError } from './client-protocol-error.ts';
export {
  CLOSE_BY_APPLICATION,
  CLOSE_GATEWAY_VIOLATION,
  CLOSE_REFUSED,
  CLOSE_SILENCE,
  CLOSE_SUPERSEDED,
  CLOSE_TAKEN_OVER,
  CLOSE_WINDOW_ENDED,
  type CloseAction,
  closeActionOf,
} from './close-code.ts';
export { decodeText } from './frame-reader.ts';
export { encodeText } from './frame-writer.ts';
export {
  type CancelFrame,
  type ClientFrame,
  clientOps,
  type EmptyFrame,
  type GapFrame,
  type GatewayFrame,
  type GoAwayFrame,
  gatewayOps,
  type HandledFrame,
  type HelloFrame,
  MAX_RESUME_SOURCES,
  type MessageFrame,
  type PingFrame,
  type Positions,
  type ReceivedFrame,
  type RefusedFrame,
  type ReplyFrame,
  type RequestFrame,
  type Resume,
  type SendFrame,
  type SourceEndedFrame,
  SUBPROTOCOL,
  type WelcomeFrame,
} from './frames.ts';
export { decodeGatewayFrame, encodeGatewayFrame } from './gateway-frame.ts';
