import type { BenchmarkResult, Circumstances, ScenarioResult } from '../result.ts';
import { tableOf } from './columns.ts';

/** Name of the part that says where it was measured, and of that with the chart. */
const MACHINE = 'machine';
const CHART = 'chart';

/** Is thrown when a document has no place for a part. */
export class MarkError extends Error {}

/**
 * Replaces what stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
 *
 * @throws MarkError when the marks are not there
 */
export function replaceMarked(document: string, name: string, content: string): string {
  const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const from = document.indexOf(start);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0)
    throw new MarkError(`the document has no '${start}' with '${end}' behind`);
  return `${document.slice(0, from + start.length)}\n${content}\n${document.slice(to)}`;
}

/**
 * Sees whether a document has a place for everything.
 *
 * @throws MarkError when a mark is not there
 */
export function checkDocument(document: string, scenarios: readonly { name: string }[]): void {
  for (const name of [MACHINE, CHART, ...scenarios.map((scenario) => scenario.name)]) {
    replaceMarked(document, name, '');
  }
}

/**
 * Puts where it was measured, the chart, and the table of each scenario into a document that has their marks.
 *
 * @param chart - path of the chart, as the document links to it
 */
export function fillDocument(document: string, result: BenchmarkResult, chart: string): string {
  const parts: [name: string, content: string][] = [
    [MACHINE, describeMachine(result.circumstances)],
    [CHART, `![What every contender did in every scenario](${chart})`],
    ...result.scenarios.map((scenario): [string, string] => [
      scenario.scenario,
      markdownTable(scenario),
    ]),
  ];
  return parts.reduce((text, [name, content]) => replaceMarked(text, name, content), document);
}

/** A Markdown table of what a scenario has shown. */
export function markdownTable(result: ScenarioResult): string {
  const { headings, rows } = tableOf(result);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const alignment = headings.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(headings), line(alignment), ...rows.map(line)].join('\n');
}

function describeMachine(where: Circumstances): string {
  const gigabytes = Math.round(where.memoryBytes / 2 ** 30);
  return (
    `${where.date.slice(0, 10)}: ${where.processor}, ${where.cores} cores, ${gigabytes} GB, ` +
    `${where.system}, Node.js ${where.node}. Medians of ${where.rounds} rounds of ` +
    `${where.seconds} s each, the contenders in turn, the load generator on the same machine.`
  );
}
