import type { BenchmarkResult, RunEnvironment, ScenarioResult } from '../result.ts';
import { tableOf } from './columns.ts';

/** Names of the marked parts for the machine and the chart. */
const MACHINE = 'machine';
const CHART = 'chart';

/** Thrown when a document lacks the markers of a part. */
export class MarkerError extends Error {}

/**
 * Replaces the text between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
 *
 * @throws MarkerError when the markers are missing
 */
export function replaceMarked(document: string, name: string, content: string): string {
  const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const from = document.indexOf(start);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0)
    throw new MarkerError(`the document has no '${start}' followed by '${end}'`);
  return `${document.slice(0, from + start.length)}\n${content}\n${document.slice(to)}`;
}

/**
 * Checks that a document has the markers of all parts.
 *
 * @throws MarkerError when a marker is missing
 */
export function checkDocument(document: string, scenarios: readonly { name: string }[]): void {
  for (const name of [MACHINE, CHART, ...scenarios.map((scenario) => scenario.name)]) {
    replaceMarked(document, name, '');
  }
}

/**
 * Replaces the marked parts of a document: the machine, the chart and the table of each scenario.
 *
 * @param chart - path of the chart, relative to the document
 */
export function fillDocument(document: string, result: BenchmarkResult, chart: string): string {
  const parts: [name: string, content: string][] = [
    [MACHINE, describeMachine(result.environment)],
    [CHART, `![What every contender did in every scenario](${chart})`],
    ...result.scenarios.map((scenario): [string, string] => [
      scenario.scenario,
      markdownTable(scenario),
    ]),
  ];
  return parts.reduce((text, [name, content]) => replaceMarked(text, name, content), document);
}

/** Formats the result of a scenario as a Markdown table. */
export function markdownTable(result: ScenarioResult): string {
  const { headings, rows } = tableOf(result);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const alignment = headings.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(headings), line(alignment), ...rows.map(line)].join('\n');
}

function describeMachine(machine: RunEnvironment): string {
  const gigabytes = Math.round(machine.memoryBytes / 2 ** 30);
  return (
    `${machine.date.slice(0, 10)}: ${machine.processor}, ${machine.cores} cores, ${gigabytes} GB, ` +
    `${machine.system}, Node.js ${machine.node}. Medians of ${machine.rounds} rounds of ` +
    `${machine.seconds} s each, the contenders in turn, the load generator on the same machine.`
  );
}
