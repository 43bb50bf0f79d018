import { type Figure, figures, type Measurement, median, medianOf } from './measurement.ts';
import type { ContenderResult, ScenarioResult } from './result.ts';
import type { Scenario } from './scenarios.ts';

/** Measurements of one contender in one scenario by round, or the reason of its failure. */
export interface ContenderRounds {
  readonly contender: string;
  readonly title: string;
  readonly rounds: readonly Measurement[];
  readonly failure?: string;
}

/** Calculates medians, and ratios to the first contender, which is the reference. */
export function summarize(
  scenario: Scenario,
  contenders: readonly ContenderRounds[],
): ScenarioResult {
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
 * Returns the ratios over the rounds that both have completed.
 *
 * Other load on a machine affects both runs of a round, so their ratio varies less than the figures.
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
