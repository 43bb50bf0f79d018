import type { Figure } from '../measurement.ts';
import type { ContenderResult, ScenarioResult } from '../result.ts';

/** A column of a table. */
interface Column {
  readonly figure: Figure;
  readonly heading: string;
  readonly format: (value: number) => string;
  /** Whether the ratio to the reference is shown beside it. */
  readonly hasRatio: boolean;
}

const columns: readonly Column[] = [
  { figure: 'messagesPerSecond', heading: 'messages/s', format: formatCount, hasRatio: true },
  { figure: 'connectionsPerSecond', heading: 'clients/s', format: formatCount, hasRatio: true },
  { figure: 'p50Ms', heading: 'p50 ms', format: formatDecimal, hasRatio: false },
  { figure: 'p99Ms', heading: 'p99 ms', format: formatDecimal, hasRatio: false },
  { figure: 'maxMs', heading: 'max ms', format: formatDecimal, hasRatio: false },
  { figure: 'spreadMs', heading: 'first to last ms', format: formatDecimal, hasRatio: false },
  { figure: 'cpuMicrosPerMessage', heading: 'CPU µs', format: formatDecimal, hasRatio: true },
  { figure: 'cpuMicrosPerConnection', heading: 'CPU µs', format: formatDecimal, hasRatio: true },
  { figure: 'bytesPerConnection', heading: 'bytes/client', format: formatCount, hasRatio: true },
  { figure: 'generatorLoad', heading: 'generator', format: formatPercent, hasRatio: false },
];

/** Formats a whole number with commas, rounded to three significant digits. */
export function formatCount(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US');
}

/** Formats a number with three significant digits, at most two of them after the point. */
export function formatDecimal(value: number): string {
  if (value >= 100) return formatCount(value);
  return value.toFixed(value >= 10 ? 1 : 2);
}

function formatPercent(value: number): string {
  return `${Math.round(value * 100)} %`;
}

/** Returns headings and cells of a scenario: every figure that a contender has, `–` where another has none. */
export function tableOf(result: ScenarioResult): { headings: string[]; rows: string[][] } {
  const shown = columns.filter(({ figure }) =>
    result.contenders.some(({ median }) => median[figure] !== undefined),
  );
  return {
    headings: [
      '',
      ...shown.flatMap(({ heading, hasRatio }) => (hasRatio ? [heading, 'ratio'] : [heading])),
    ],
    rows: result.contenders.map((entry) => [
      entry.title,
      ...shown.flatMap((column) => cellsOf(column, entry)),
    ]),
  };
}

function cellsOf({ figure, format, hasRatio }: Column, entry: ContenderResult): string[] {
  const value = entry.median[figure];
  const ratio = entry.ratios[figure];
  const cell = value === undefined ? '–' : format(value);
  if (!hasRatio) return [cell];
  return [cell, ratio === undefined ? '–' : formatDecimal(ratio)];
}
