import { type Logger, PacedLog } from '@gatewayworker/core';
import type { LimitCounters } from '../clients/limit-counters.ts';

/** Exceptions of a protocol of the application's own: counted each, and logged with their stack once a second. */
export class ProtocolFailures {
  readonly #limits: LimitCounters;
  readonly #decodes: PacedLog;
  readonly #encodes: PacedLog;

  constructor({ limits, logger }: { readonly limits: LimitCounters; readonly logger: Logger }) {
    this.#limits = limits;
    this.#decodes = new PacedLog(logger, 'decode of the protocol failed: the client was closed');
    this.#encodes = new PacedLog(logger, 'encode of the protocol failed: the message was not sent');
  }

  /** What a client sent could not be decoded. */
  decode(err: Error, remoteAddress: string): void {
    this.#limits.decodeError += 1;
    this.#decodes.warn({ err, remoteAddress });
  }

  /** A message could not be encoded. */
  encode(err: Error): void {
    this.#limits.encodeError += 1;
    this.#encodes.warn({ err });
  }

  /** Writes the lines that wait. */
  close(): void {
    this.#decodes.close();
    this.#encodes.close();
  }
}
