import { Writable } from 'node:stream';
import type { Logger } from '@gatewayworker/core';
import { pino } from 'pino';

/** A line of a log, as an object. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A logger whose lines a test can read. */
export interface CapturedLogger {
  readonly logger: Logger;
  /** Every line so far. */
  readonly lines: readonly LogLine[];
  /** Removes and returns the lines so far, for a process that logs for hours. */
  readonly takeLines: () => LogLine[];
}

/** Creates a logger that collects its lines instead of printing them. */
export function captureLogger(): CapturedLogger {
  const lines: LogLine[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()));
      done();
    },
  });
  return { logger: pino({ level: 'debug' }, stream), lines, takeLines: () => lines.splice(0) };
}
