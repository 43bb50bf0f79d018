import type { BenchmarkResult, Circumstances, ScenarioResult } from '../result.ts';
import { tableOf } from './columns.ts';

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

/** Puts where it was measured, and the table of each scenario, into a document that has their marks. */
export function fillDocument(document: string, result: BenchmarkResult): string {
  return result.scenarios.reduce(
    (text, scenario) => replaceMarked(text, scenario.scenario, markdownTable(scenario)),
    replaceMarked(document, 'machine', describeMachine(result.circumstances)),
  );
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
