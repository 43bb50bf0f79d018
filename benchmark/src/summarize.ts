import { type Figure, figures, type Measurement, median, medianOf } from './measurement.ts';
import type { ContenderResult, ScenarioResult } from './result.ts';
import type { Scenario } from './scenarios.ts';

/** What one contender did in one scenario, round by round, or why it failed. */
export interface Rounds {
  readonly contender: string;
  readonly title: string;
  readonly rounds: readonly Measurement[];
  readonly failure?: string;
}

/** Medians, and ratios to the first contender, which is the reference. */
export function summarize(scenario: Scenario, contenders: readonly Rounds[]): ScenarioResult {
  const reference = contenders[0];
  return {
    scenario: scenario.name,
    title: scenario.title,
    reference: reference?.contender ?? '',
    contenders: contenders.map(
      (entry): ContenderResult => ({
        ...entry,
        median: medianOf(entry.rounds),
        ratios: ratiosOf(entry.rounds, reference?.rounds ?? []),
      }),
    ),
  };
}

/**
 * Ratios of the rounds that both have done.
 *
 * What disturbs a machine for a while disturbs both runs of a round: their ratio is steadier than they are.
 */
function ratiosOf(
  rounds: readonly Measurement[],
  reference: readonly Measurement[],
): Partial<Record<Figure, number>> {
  return Object.fromEntries(
    figures.flatMap((figure) => {
      const ratios = rounds.flatMap((round, index) => {
        const [own, other] = [round[figure], reference[index]?.[figure]];
        return own === undefined || other === undefined || other === 0 ? [] : [own / other];
      });
      return ratios.length === 0 ? [] : [[figure, median(ratios)]];
    }),
  );
}
