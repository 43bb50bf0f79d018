/** Properties of an error code. */
export interface ErrorCodeEntry {
  /** Default message; an error may have a more precise one. */
  readonly message: string;
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;
}

const table = {
  GW_ERR_ACCESS_DENIED: {
    message: 'The control socket belongs to another user',
    retryable: false,
  },
  GW_ERR_AUTHENTICATION_FAILED: {
    message: 'The secretKey differs from that of the peer',
    retryable: false,
  },
  GW_ERR_CLUSTER_ALREADY_RUNNING: { message: 'The cluster is already running', retryable: false },
  GW_ERR_CLUSTER_NOT_RUNNING: { message: 'The cluster is not running', retryable: false },
  GW_ERR_CONNECT_TIMEOUT: { message: 'No connection within the deadline', retryable: true },
  GW_ERR_EVENT_HANDLER_INVALID: {
    message: 'The event handler module does not export an Events class or object',
    retryable: false,
  },
  GW_ERR_FRAME_MALFORMED: { message: 'A frame is malformed', retryable: false },
  GW_ERR_FRAME_TOO_LARGE: { message: 'A frame exceeds the size limit', retryable: false },
  GW_ERR_HANDSHAKE_FAILED: { message: 'The handshake of an inner link failed', retryable: true },
  GW_ERR_INTERNAL: { message: 'An unexpected error', retryable: false },
  GW_ERR_LINK_CLOSED: { message: 'The link closed before the answer came', retryable: true },
  GW_ERR_LINK_FULL: {
    message: 'The link to a gateway takes no more at the moment',
    retryable: true,
  },
  GW_ERR_LISTEN_FAILED: { message: 'A listening socket could not be opened', retryable: false },
  GW_ERR_NOT_CONNECTED: { message: 'No link to any gateway is up', retryable: true },
  GW_ERR_NOT_DECLARED: {
    message: 'The start file does not declare such a process',
    retryable: false,
  },
  GW_ERR_NOT_IN_WORKER: {
    message: '`gateway` works only inside a BusinessWorker; use GatewayClient.connect() elsewhere',
    retryable: false,
  },
  GW_ERR_OPTION_INVALID: { message: 'An option is not valid', retryable: false },
  GW_ERR_PARTIAL_RESULT: {
    message: 'Some gateways did not answer within the deadline',
    retryable: true,
  },
  GW_ERR_PHASE: { message: 'The call does not fit the current phase', retryable: false },
  GW_ERR_PROCESS_FAILED: { message: 'A process failed', retryable: true },
  GW_ERR_QUERY_TIMEOUT: { message: 'No answer within the deadline', retryable: true },
  GW_ERR_QUERY_UNKNOWN: { message: 'The gateway does not know this query', retryable: false },
  GW_ERR_RECEIPTS_FULL: {
    message: 'Too many receipts are open',
    retryable: true,
  },
  GW_ERR_SESSION_INVALID: { message: 'The session cannot be stored', retryable: false },
  GW_ERR_VERSION_MISMATCH: {
    message: 'The peer speaks another version of the inner protocol',
    retryable: false,
  },
} as const;

/** Code of an error of the framework. */
export type ErrorCode = keyof typeof table;

/**
 * Every error code of the framework. `docs/errors.md` explains each.
 *
 * Processes send an error as its code and rebuild it from the code, never from its text.
 */
export const errorCodes: Readonly<Record<ErrorCode, ErrorCodeEntry>> = table;

/** Tells whether a string is a code of the table. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorCodes, value);
}
