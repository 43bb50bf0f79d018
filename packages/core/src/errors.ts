import './supported-runtime.ts';
import {
  brandErrors,
  type ErrorCode,
  errorCodes,
  FrameError,
  isErrorCode,
} from '@gatewayworker/protocol';
import { hideSecrets } from './hide-secrets.ts';

/** Form in which an error is sent over a link. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly data?: unknown;
}

/** Base class of every error that the framework throws at run time. Recognise an error by its `code`. */
export class GatewayWorkerError extends Error {
  override readonly name: string = 'GatewayWorkerError';
  readonly code: ErrorCode;
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;

  /**
   * @param code - one of the codes of `docs/errors.md`
   * @param message - default: the message of that code in `docs/errors.md`
   */
  constructor(code: ErrorCode, message?: string, options?: ErrorOptions) {
    super(message ?? errorCodes[code].message, options);
    this.code = code;
    this.retryable = errorCodes[code].retryable;
  }
}

/** Thrown by a constructor or by `run` when an option is unknown, of a wrong type or out of range. */
export class OptionError extends GatewayWorkerError {
  override readonly name: string = 'OptionError';
  /** Full name of the option, such as `Gateway.startPort`. */
  readonly option: string;
  /** The invalid value, with its secrets hidden. */
  readonly value: unknown;

  constructor(option: string, value: unknown, allowed: string, options?: ErrorOptions) {
    const shown = hideSecrets(value);
    const message = `option ${option} is ${describeValue(shown)}; ${allowed}`;
    super('GW_ERR_OPTION_INVALID', message, options);
    this.option = option;
    this.value = shown;
  }
}

/** Rejects a query that some gateways did not answer within `queryTimeoutMs`. */
export class PartialResultError<Answer = unknown> extends GatewayWorkerError {
  override readonly name: string = 'PartialResultError';
  /** The answer of the gateways that did answer; `undefined` when the query was about one client. */
  readonly partial: Answer | undefined;
  /** Inner addresses (`host:port`) of the gateways that did not answer. */
  readonly missing: readonly string[];

  constructor(partial: Answer | undefined, missing: readonly string[], options?: ErrorOptions) {
    super('GW_ERR_PARTIAL_RESULT', `no answer from ${missing.join(', ')}`, options);
    this.partial = partial;
    this.missing = missing;
  }
}

brandErrors(GatewayWorkerError, 'GatewayWorkerError');
brandErrors(OptionError, 'OptionError');
brandErrors(PartialResultError, 'PartialResultError');

/** Turns any thrown value into the form that is sent over a link. */
export function toWire(error: unknown): WireError {
  if (error instanceof GatewayWorkerError || error instanceof FrameError) {
    return { code: error.code, message: error.message };
  }
  return { code: 'GW_ERR_INTERNAL', message: toError(error).message };
}

/** Rebuilds an error from its code; an unknown code becomes `GW_ERR_INTERNAL`. */
export function fromWire(wire: WireError): GatewayWorkerError {
  return new GatewayWorkerError(
    isErrorCode(wire.code) ? wire.code : 'GW_ERR_INTERNAL',
    wire.message,
  );
}

/** Converts any thrown value to an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Formats a value as one short line for an error message. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  try {
    return shorten(JSON.stringify(value, boundedReplacer()) ?? 'an object');
  } catch {
    return 'an object that has no JSON form';
  }
}

/** Limits the number of values, because `JSON.stringify` repeats a shared reference each time it occurs. */
function boundedReplacer(): (key: string, value: unknown) => unknown {
  let left = 1000;
  return (_key, value) => {
    left -= 1;
    if (left < 0) throw new RangeError('too many values');
    return value;
  };
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
