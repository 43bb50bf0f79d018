export {
  type BusinessWorkerOptions,
  type Closed,
  type Context,
  type EventErrorInfo,
  type EventHandler,
  gateway,
  type HandshakeAnswer,
  type HandshakeCandidate,
  type HandshakeRequest,
  RequestError,
  type ResumeInfo,
  type WorkerInfo,
} from '@gatewayworker/business-worker';
export {
  GatewayWorkerError,
  type Logger,
  OptionError,
  PartialResultError,
} from '@gatewayworker/core';
export type { RegisterAddress } from '@gatewayworker/discovery';
export type {
  ClientProtocol,
  DecodedMessage,
  DeflateOptions,
  GatewayOptions,
  ResumeOptions,
  RoutableClient,
  RoutableWorker,
  Router,
  RouterFunction,
  SlowConsumerPolicy,
  TlsOptions,
  TrustProxy,
} from '@gatewayworker/gateway';
export {
  allowPartial,
  type CloseOptions,
  type DeviceReceipt,
  type GatewayApi,
  GatewayClient,
  type GatewayClientOptions,
  type ReceiptOptions,
  type SendReceipt,
  type SendToAllOptions,
  type SendToGroupOptions,
  type UidState,
} from '@gatewayworker/gateway-client';
export { CloseCode, ClosedBy, type ErrorCode } from '@gatewayworker/protocol';
export type { RegisterOptions } from '@gatewayworker/register';
export type { RunOptions } from '@gatewayworker/supervisor';
export { BusinessWorker } from './declarations/business-worker.ts';
export { Gateway } from './declarations/gateway.ts';
export { Register } from './declarations/register.ts';
export { Worker } from './declarations/worker.ts';
export { run } from './run.ts';
export type { WorkerAddress, WorkerOptions, WorkerProcess } from './worker-options.ts';
