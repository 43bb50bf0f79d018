export { brandErrors } from '@gatewayworker/protocol';
export type { SecretKey } from './authentication.ts';
export { type BackoffOptions, backoffDelayMs } from './backoff.ts';
export { type Callee, withCallerStack } from './caller-stack.ts';
export { assertSecretKey, givenSecretKey } from './cluster-options.ts';
export { CoalescingWriter } from './coalescing-writer.ts';
export { Deadline } from './deadline.ts';
export { DeadlineBuckets } from './deadline-buckets.ts';
export { DescriptorReserve } from './descriptor-reserve.ts';
export { describeDialFailure, withoutAddresses } from './dial-failure.ts';
export { DialedLink, type DialedLinkOptions } from './dialed-link.ts';
export {
  describeValue,
  fromWire,
  GatewayWorkerError,
  OptionError,
  PartialResultError,
  toError,
  toWire,
  type WireError,
} from './errors.ts';
export { type Flushable, FlushScheduler } from './flush-scheduler.ts';
export { FrameConnection } from './frame-connection.ts';
export {
  FrameServer,
  type FrameServerOptions,
  type FrozenLink,
  type MovedLink,
} from './frame-server.ts';
export type { LinkFrameHandler } from './frame-socket.ts';
export { Guard, type Guarded } from './guard.ts';
export type { AcceptorIdentity, AcceptorInfo, DialerIdentity } from './handshake.ts';
export { hideSecrets } from './hide-secrets.ts';
export { type InnerTlsOptions, resolveInnerTls } from './inner-tls.ts';
export { canonicalAddress, isLoopback, isWildcard } from './ip-address.ts';
export { linkTiming } from './link-timing.ts';
export { boundPort, type ListenTarget, listen, type OpenSocket } from './listen.ts';
export {
  createLogger,
  type Logger,
  type LoggerOptions,
  openLog,
  type ProcessLog,
} from './logger.ts';
export { makeFolders } from './make-folders.ts';
export {
  assertInteger,
  assertName,
  assertNonEmptyString,
  assertOneOf,
  assertOptionalFunction,
  assertOptionsObject,
  assertPort,
  assertString,
  assertZeroOrNumber,
  deepFreeze,
  formatHostPort,
  type HostPort,
  nearestName,
  parseHostPort,
  rejectUnknownKeys,
  withoutUndefined,
} from './options.ts';
export { Output, openForAppend } from './output.ts';
export { processState, readVersion } from './process-state.ts';
export { type Clock, RequestTable } from './request-table.ts';
export {
  emptyRoleStatus,
  quickStop,
  type RoleRuntime,
  type RoleStatus,
  type StopOptions,
} from './role-runtime.ts';
export { guardStandardStreams, hasGuardedStreams, showsColour } from './standard-streams.ts';
export {
  copyFigures,
  type FigureName,
  type FigureSource,
  type Figures,
  type FigureUnit,
  figureEntries,
  parseFigures,
  type StatusFigure,
  statusFigures,
  sumLoad,
  zeroFigures,
} from './status-figures.ts';
export type { PredecessorChannel, SuccessorChannel } from './succession-channel.ts';
export { ThrottledLog } from './throttled-log.ts';
