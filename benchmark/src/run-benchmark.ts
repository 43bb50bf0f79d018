import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import type { Contender, RunningContender } from './contenders/contender.ts';
import { type MeasureOptions, measureContender } from './measure-contender.ts';
import type { Measurement } from './measurement.ts';
import type { RunEnvironment, ScenarioResult } from './result.ts';
import type { Scenario } from './scenarios.ts';
import { summarize } from './summarize.ts';

/** Called before each run of a contender. */
export type OnRun = (scenario: Scenario, contender: Contender, round: number) => void;

/** Options of a measurement of a scenario. */
export interface RunOptions extends MeasureOptions {
  readonly rounds: number;
}

/** A contender of a scenario with its results so far. */
interface Entry {
  readonly contender: Contender;
  readonly rounds: Measurement[];
  running: RunningContender | undefined;
  failure: string | undefined;
}

/** Describes this machine and the settings of a run. */
export function describeEnvironment(options: RunOptions): RunEnvironment {
  return {
    date: new Date().toISOString(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    seconds: options.seconds,
    warmSeconds: options.warmSeconds,
    rounds: options.rounds,
    generators: options.generators,
    clients: options.clients,
  };
}

/**
 * Measures one scenario. Every round runs each contender once, so that other load on the machine affects all of them.
 * A contender that fails is skipped in the following rounds.
 */
export async function runScenario(
  scenario: Scenario,
  contenders: readonly Contender[],
  options: RunOptions,
  onRun: OnRun = () => undefined,
): Promise<ScenarioResult> {
  const entries = contenders.map(
    (contender): Entry => ({ contender, rounds: [], running: undefined, failure: undefined }),
  );
  try {
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const entry of entries.filter(({ failure }) => failure === undefined)) {
        onRun(scenario, entry.contender, round);
        await measureOnce(scenario, entry, options);
      }
    }
  } finally {
    await Promise.all(entries.map((entry) => entry.running?.stop()));
  }
  return summarize(
    scenario,
    entries.map(({ contender: { name, title }, rounds, failure }) => ({
      contender: name,
      title,
      rounds,
      ...(failure === undefined ? {} : { failure }),
    })),
  );
}

async function measureOnce(scenario: Scenario, entry: Entry, options: RunOptions): Promise<void> {
  try {
    entry.running ??= await entry.contender.start();
    const server = { ...entry.running, framing: entry.contender.framing };
    entry.rounds.push(await measureContender(scenario, server, options));
    // Memory is measured on a new process, which has had no clients before.
    if (scenario.kind === 'idle') {
      await entry.running.stop();
      entry.running = undefined;
    }
  } catch (error) {
    entry.failure = error instanceof Error ? error.message : String(error);
  }
}
