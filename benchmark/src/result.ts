import type { Figure, Measurement } from './measurement.ts';

/** Result of one contender in one scenario. */
export interface ContenderResult {
  readonly contender: string;
  readonly title: string;
  /** In the order in which they ran. */
  readonly rounds: readonly Measurement[];
  readonly median: Measurement;
  /** Each figure divided by that of the reference in the same round; median over the rounds. */
  readonly ratios: Readonly<Partial<Record<Figure, number>>>;
  /** Reason of a failure. */
  readonly failure?: string;
}

/** Result of one scenario. */
export interface ScenarioResult {
  readonly scenario: string;
  readonly title: string;
  /** Contender that the ratios refer to. */
  readonly reference: string;
  readonly contenders: readonly ContenderResult[];
}

/** Machine and settings of a run. */
export interface RunEnvironment {
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
  /** Upper limit for the clients of a scenario. */
  readonly clients: number;
}

/** Result of a run of the benchmark, as it is written to a file. */
export interface BenchmarkResult {
  readonly environment: RunEnvironment;
  readonly scenarios: readonly ScenarioResult[];
}
