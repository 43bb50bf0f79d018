/** Figures of one run of a contender in a scenario; those that the scenario does not measure are absent. */
export interface Measurement {
  readonly messagesPerSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly maxMs?: number;
  /** CPU time of all server processes per message received. */
  readonly cpuMicrosPerMessage?: number;
  readonly connectionsPerSecond?: number;
  /** CPU time of all server processes per client that connected. */
  readonly cpuMicrosPerConnection?: number;
  /** Private memory of all server processes, minus that without clients. */
  readonly bytesPerConnection?: number;
  /** Time from the first to the last client that received a message; median over the messages. */
  readonly spreadMs?: number;
  /** Processor use of the busiest process of the load generator, 0 to 1. */
  readonly generatorLoad?: number;
}

/** Name of a figure of a measurement. */
export type Figure = keyof Measurement;

/** Names of all figures, in the order of the table. */
export const figures: readonly Figure[] = [
  'messagesPerSecond',
  'connectionsPerSecond',
  'p50Ms',
  'p99Ms',
  'maxMs',
  'spreadMs',
  'cpuMicrosPerMessage',
  'cpuMicrosPerConnection',
  'bytesPerConnection',
  'generatorLoad',
];

/** Returns the median; NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** Returns the median of each figure. */
export function medianOf(measurements: readonly Measurement[]): Measurement {
  return Object.fromEntries(
    figures.flatMap((figure) => {
      const values = measurements.flatMap((measurement) => measurement[figure] ?? []);
      return values.length === 0 ? [] : [[figure, median(values)]];
    }),
  );
}
