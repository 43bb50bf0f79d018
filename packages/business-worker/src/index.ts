export { type BusinessWorkerContext, BusinessWorkerRuntime } from './business-worker-runtime.ts';
export type {
  Closed,
  Context,
  EventErrorInfo,
  EventHandler,
  HandshakeAnswer,
  HandshakeCandidate,
  HandshakeRequest,
  ResumeInfo,
  WorkerInfo,
} from './event-handler.ts';
export { gateway } from './gateway.ts';
export {
  type BusinessWorkerOptions,
  businessWorkerDefaults,
  type ResolvedBusinessWorkerOptions,
  resolveBusinessWorkerOptions,
} from './options.ts';
export { RequestError } from './request-error.ts';
