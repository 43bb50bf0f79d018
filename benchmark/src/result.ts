import type { Figure, Measurement } from './measurement.ts';

/** What one contender has shown in one scenario. */
export interface ContenderResult {
  readonly contender: string;
  readonly title: string;
  /** In the order in which they ran. */
  readonly rounds: readonly Measurement[];
  readonly median: Measurement;
  /** Median over the rounds of each figure divided by that of the reference in the same round. */
  readonly ratios: Readonly<Partial<Record<Figure, number>>>;
  /** Why there is no figure, when it failed. */
  readonly failure?: string;
}

/** What one scenario has shown. */
export interface ScenarioResult {
  readonly scenario: string;
  readonly title: string;
  /** Contender that the ratios are to. */
  readonly reference: string;
  readonly contenders: readonly ContenderResult[];
}

/** Where and how was measured. */
export interface Circumstances {
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly rounds: number;
  readonly generators: number;
  /** Most clients of a scenario. */
  readonly clients: number;
}

/** What a run of the benchmark has shown, as it is written to a file. */
export interface BenchmarkResult {
  readonly circumstances: Circumstances;
  readonly scenarios: readonly ScenarioResult[];
}
