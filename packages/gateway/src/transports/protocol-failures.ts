import { type Logger, ThrottledLog } from '@gatewayworker/core';
import type { LimitCounters } from '../clients/limit-counters.ts';

/** Exceptions of a protocol of the application's own: counted each, and logged with their stack once a second. */
export class ProtocolFailures {
  readonly #limits: LimitCounters;
  readonly #log: ThrottledLog;

  constructor({ limits, logger }: { readonly limits: LimitCounters; readonly logger: Logger }) {
    this.#limits = limits;
    this.#log = new ThrottledLog(logger);
  }

  /** What a client sent could not be decoded. */
  decode(err: Error, remoteAddress: string): void {
    this.#limits.decodeError += 1;
    this.#log.warn({ err, remoteAddress }, 'decode of the protocol failed: the client was closed');
  }

  /** A message could not be encoded. */
  encode(err: Error): void {
    this.#limits.encodeError += 1;
    this.#log.warn({ err }, 'encode of the protocol failed: the message was not sent');
  }

  /** Writes the lines that wait. */
  close(): void {
    this.#log.close();
  }
}
