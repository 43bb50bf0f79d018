import type { ScenarioResult } from './result.ts';

/**
 * CPU time per message of the plain server divided by that of this framework, by scenario.
 *
 * While other programs run, CPU time varies less than messages per second.
 */
export type Baseline = Readonly<Record<string, number>>;

/** A scenario in which the framework has become slower. */
export interface Regression {
  readonly scenario: string;
  readonly expected: number;
  readonly measured: number;
}

/** Fraction of a ratio that may be lost before it counts as a regression. */
export const TOLERANCE = 0.3;

/**
 * Returns the ratio of a scenario: CPU time per message of the plain server divided by that of the framework.
 *
 * @throws with the reason, when a contender has failed
 */
export function cpuRatio(result: ScenarioResult): number {
  const failed = result.contenders.find(({ failure }) => failure !== undefined);
  if (failed !== undefined) throw new Error(`${failed.title} failed: ${failed.failure}`);
  const own = result.contenders.find(({ contender }) => contender !== result.reference);
  const ratio = own?.ratios.cpuMicrosPerMessage;
  if (ratio === undefined) throw new Error(`${result.scenario}: nothing was measured`);
  return 1 / ratio;
}

/**
 * Returns the scenarios that have regressed by more than the tolerance.
 *
 * @throws when a scenario has no baseline
 */
export function findRegressions(baseline: Baseline, measured: Baseline): Regression[] {
  return Object.entries(measured).flatMap(([scenario, ratio]) => {
    const expected = baseline[scenario];
    if (expected === undefined) throw new Error(`'${scenario}' has no baseline`);
    if (ratio >= expected * (1 - TOLERANCE)) return [];
    return [{ scenario, expected, measured: ratio }];
  });
}

/**
 * Parses a baseline file.
 *
 * @throws when it is not an object of positive numbers
 */
export function parseBaseline(text: string): Baseline {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('the baseline is not an object');
  const wrong = Object.entries(value).find(
    ([, ratio]) => !(typeof ratio === 'number' && ratio > 0),
  );
  if (wrong === undefined) return Object.fromEntries(Object.entries(value));
  throw new Error(
    `the baseline of '${wrong[0]}' is ${JSON.stringify(wrong[1])}, not a number above 0`,
  );
}
