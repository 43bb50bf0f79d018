import { MAX_RECEIPT_TIMEOUT_MS, type ReceiptOutcome } from '@gatewayworker/protocol';
import { assertCallOptions, wrongType } from './arguments.ts';

/** Options of a send that waits for receipts. */
export interface ReceiptOptions {
  /** What a client confirms: that it has `received` the message, or that its application has `handled` it. */
  readonly receipt: 'received' | 'handled';
  /** Longest wait in milliseconds, 1 to 3,600,000. */
  readonly timeoutMs: number;
  /** Resolve at the first receipt. @default false */
  readonly any?: boolean;
}

/** The receipt of one client. */
export interface DeviceReceipt {
  readonly clientId: string;
  /**
   * `received` or `handled`: the client has confirmed it. `timeout`: it is connected, and has not. `away`: it has no
   * connection, and gets the message if it resumes. `dropped`: it has ended. `raw`: it cannot confirm, because it does
   * not have the client protocol.
   */
  readonly outcome: Exclude<ReceiptOutcome, 'moved'>;
  /** Time from the send to the outcome, in milliseconds. */
  readonly ms: number;
  /** What the client has added to its receipt, up to 1,024 bytes; usually empty. */
  readonly value: string;
}

/** The receipts of a send. */
export interface SendReceipt {
  /** True when there was no client: neither a connected nor a parked one. */
  readonly offline: boolean;
  /** One entry for each client. With `any`, those known at the first receipt. */
  readonly devices: readonly DeviceReceipt[];
}

/**
 * Checks the options of a send that waits for receipts.
 *
 * @throws {TypeError} when an option is missing, unknown or of a wrong type
 * @throws {RangeError} when `timeoutMs` is out of range
 */
export function parseReceiptOptions(options: ReceiptOptions): Required<ReceiptOptions> {
  assertCallOptions(options, ['receipt', 'timeoutMs', 'any']);
  const { receipt, timeoutMs, any = false } = options;
  if (receipt !== 'received' && receipt !== 'handled') {
    throw wrongType('receipt', receipt, "'received' or 'handled'");
  }
  if (!Number.isInteger(timeoutMs)) throw wrongType('timeoutMs', timeoutMs, 'an integer');
  if (timeoutMs < 1 || timeoutMs > MAX_RECEIPT_TIMEOUT_MS) {
    throw new RangeError(`timeoutMs is ${timeoutMs}; allowed: 1 to ${MAX_RECEIPT_TIMEOUT_MS}`);
  }
  if (typeof any !== 'boolean') throw wrongType('any', any, 'a boolean');
  return { receipt, timeoutMs, any };
}
