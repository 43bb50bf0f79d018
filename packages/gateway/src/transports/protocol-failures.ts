import { type Logger, ThrottledLog } from '@gatewayworker/core';
import type { LimitCounters } from '../clients/limit-counters.ts';

/** Counts the exceptions of a custom protocol, and logs them with their stack at most once a second. */
export class ProtocolFailures {
  readonly #limits: LimitCounters;
  readonly #log: ThrottledLog;

  constructor({ limits, logger }: { readonly limits: LimitCounters; readonly logger: Logger }) {
    this.#limits = limits;
    this.#log = new ThrottledLog(logger);
  }

  /** `decode` has failed. */
  decode(err: Error, remoteAddress: string): void {
    this.#limits.decodeError += 1;
    this.#log.warn({ err, remoteAddress }, 'decode of the protocol failed: the client was closed');
  }

  /** `encode` has failed. */
  encode(err: Error): void {
    this.#limits.encodeError += 1;
    this.#log.warn({ err }, 'encode of the protocol failed: the message was not sent');
  }

  /** Writes pending log lines. */
  close(): void {
    this.#log.close();
  }
}
