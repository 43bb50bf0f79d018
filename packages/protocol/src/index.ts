export { ByteReader } from './byte-reader.ts';
export { fromByteString, toByteString } from './byte-string.ts';
export { ByteWriter, MAX_NAME_BYTES } from './byte-writer.ts';
export { checkMsgpack } from './check-msgpack.ts';
export {
  type CloseRequest,
  readClose,
  writeApplySessionDelta,
  writeBindUid,
  writeCloseClient,
  writeCloseGroup,
  writeCloseUid,
  writeDestroyClient,
  writeJoinGroup,
  writeLeaveGroup,
  writeSetSession,
  writeUnbindUid,
  writeUngroup,
  writeUpdateSession,
} from './client-frame.ts';
export {
  CLIENT_ID_FIELD_LIMIT,
  type ClientAddress,
  type ClientId,
  formatClientId,
  parseClientId,
} from './client-id.ts';
export { CloseCode, isSendableCloseCode, MAX_CLOSE_REASON_BYTES } from './close-code.ts';
export {
  packSessionDelta,
  packValue,
  readMessage,
  unpackClientRequest,
  unpackSessionDelta,
  unpackValue,
  writeMessage,
} from './codec.ts';
export { Command, commands, PROTOCOL_VERSION } from './command.ts';
export type { ConnectionStatus } from './connection-status.ts';
export { brandErrors } from './error-brand.ts';
export { type ErrorCode, type ErrorCodeEntry, errorCodes, isErrorCode } from './error-code.ts';
export {
  type ClientRequestPayload,
  type NumberedMessageHeader,
  PendingAcks,
  type ReceivedRequest,
  readClientRequested,
  readClientsEnded,
  readEventsAck,
  readWorkerReady,
  type WorkerFeatures,
  writeClientConnected,
  writeClientDetached,
  writeClientDropped,
  writeClientMessage,
  writeClientRequested,
  writeClientResumed,
  writeClientsEnded,
  writeGroupChange,
  writeNumberedMessage,
  writeWorkerReady,
} from './event-frame.ts';
export { AcceptorRole, ClosedBy, DialerRole, fieldMaps, ReceiptOutcome } from './field-maps.ts';
export {
  beginFrame,
  DEFAULT_MAX_FRAME_BYTES,
  endFrame,
  FRAME_LENGTH_BYTES,
  FrameDecoder,
  type FrameHandler,
} from './frame.ts';
export { FrameError } from './frame-error.ts';
export {
  InterestKind,
  readInterest,
  readInterestKnown,
  readJoinsApplied,
  writeInterestAdded,
  writeInterestKnown,
  writeInterestRemoved,
  writeInterestSubscribe,
  writeJoinsApplied,
} from './interest-frame.ts';
export {
  type ReplayedSend,
  readLanePosition,
  writeLaneAdopted,
  writeLaneGap,
  writeLaneStarted,
  writeReplay,
} from './lane-frame.ts';
export {
  beginLaneTransfer,
  endLaneTransfer,
  forwardLaneTransfer,
  type LaneReceivers,
  type LaneTransferHeader,
  LaneTransferState,
  readLaneSend,
  readLaneTransfer,
  readLaneTransferState,
  type TransferredSend,
  writeLaneSend,
  writeLaneTransferState,
} from './lane-transfer-frame.ts';
export { readPosition, readReceived, writeReceived } from './link-frame.ts';
export type {
  AskedQuery,
  ClientQuery,
  ClientRequest,
  ClusterQuery,
  ConnectionAddress,
  GatewayEntry,
  HandshakeDecision,
  LinkPosition,
  Message,
  ObjectDelta,
  Query,
  QueryAnswers,
  ReceiptOfDevice,
  ResumableInfo,
  SessionDelta,
  SessionOfClient,
  SessionState,
  SourcePosition,
  UidPresence,
} from './messages.ts';
export { applyPackedSessionDelta } from './packed-session.ts';
export {
  type Payload,
  PayloadFlag,
  payloadFlags,
  readFlags,
  readIsBinary,
  readOffset,
} from './payload.ts';
export { queries } from './query.ts';
export {
  MAX_RECEIPT_TIMEOUT_MS,
  type ReceiptReceivers,
  type ReceiptRequest,
  type ReplayedMessage,
  readReceiptRequest,
  writeReplayWithReceipt,
  writeSendWithReceipt,
} from './receipt-frame.ts';
export {
  type GroupReceivers,
  type Reply,
  readAddresses,
  readNames,
  readRequestNumber,
  writeSendReply,
  writeSendToAll,
  writeSendToClient,
  writeSendToClients,
  writeSendToGroups,
  writeSendToUids,
} from './send-frame.ts';
export {
  applySessionDelta,
  diffSession,
  emptyDelta,
  isDeepEqual,
  isPlainObject,
  mergeDelta,
  ownValue,
  replacementDelta,
  type SessionData,
  unsetDelta,
} from './session-delta.ts';
export { MAX_SESSION_BYTES, MAX_SESSION_LEVELS } from './session-limits.ts';
