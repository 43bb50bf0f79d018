import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Contender } from './contenders/contender.ts';
import { findContender } from './contenders/find-contenders.ts';
import { type BenchmarkOptions, parseOptions, UsageError, usage } from './options.ts';
import { stopServersOnSignals } from './processes/server-process.ts';
import { renderChart } from './report/chart.ts';
import { tableOf } from './report/columns.ts';
import { checkDocument, fillDocument, MarkerError } from './report/markdown.ts';
import { colour, renderTable } from './report/text-table.ts';
import type { BenchmarkResult, ScenarioResult } from './result.ts';
import { describeEnvironment, runScenario } from './run-benchmark.ts';
import { defaultContenders, type Scenario } from './scenarios.ts';

const hasColour = process.stdout.isTTY === true && !process.env['NO_COLOR'];

/** Returns the contenders of a scenario that this machine can run; reports each unavailable one once. */
function contendersOf(
  scenario: Scenario,
  options: BenchmarkOptions,
  reported: Set<string>,
): Contender[] {
  const names = options.contenders ?? scenario.contenders ?? defaultContenders;
  return names
    .flatMap((name) => findContender(name) ?? [])
    .filter((contender) => scenario.kind !== 'push' || contender.canPush)
    .filter((contender) => {
      const reason = contender.unavailable();
      if (reason !== undefined && !reported.has(contender.name)) {
        reported.add(contender.name);
        print(`Without ${contender.title}: ${reason}.`);
      }
      return reason === undefined;
    });
}

async function runAll(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const results: ScenarioResult[] = [];
  const reported = new Set<string>();
  for (const scenario of options.scenarios) {
    const contenders = contendersOf(scenario, options, reported);
    if (contenders.length === 0) continue;
    const result = await runScenario(scenario, contenders, options, showProgress);
    hideProgress();
    printScenario(result);
    results.push(result);
  }
  return { environment: describeEnvironment(options), scenarios: results };
}

function printScenario(result: ScenarioResult): void {
  const { headings, rows } = tableOf(result);
  print(`\n${colour('bold', result.title, hasColour)}`);
  print(renderTable(headings, rows, hasColour));
  for (const { title, failure } of result.contenders) {
    if (failure !== undefined) print(colour('red', `${title} failed: ${failure}`, hasColour));
  }
}

/** Shows the progress in one line, only on a terminal. */
function showProgress(scenario: Scenario, contender: Contender, round: number): void {
  if (process.stderr.isTTY !== true) return;
  process.stderr.write(`\r\u001b[K${scenario.name}, round ${round}: ${contender.title}`);
}

function hideProgress(): void {
  if (process.stderr.isTTY === true) process.stderr.write('\r\u001b[K');
}

/** Writes figures and chart; returns the path of both without extension. */
function writeResults(result: BenchmarkResult, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const stamp = result.environment.date.slice(0, 19).replaceAll(':', '-');
  const file = join(folder, stamp);
  writeFileSync(`${file}.json`, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(`${file}.svg`, renderChart(result));
  return file;
}

/** Replaces the marked parts of a document, and writes its chart beside it. */
function writeDocument(file: string, result: BenchmarkResult): void {
  const chart = file.replace(/(?:\.md)?$/, '.svg');
  writeFileSync(file, fillDocument(readFileSync(file, 'utf8'), result, basename(chart)));
  writeFileSync(chart, renderChart(result));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.isHelp) {
    process.stdout.write(usage);
    return 0;
  }
  // Check the markers before the run, which takes long.
  if (options.write !== undefined)
    checkDocument(readFileSync(options.write, 'utf8'), options.scenarios);
  const result = await runAll(options);
  const file = writeResults(result, options.results);
  print(`\nFigures: ${file}.json\nChart:   ${file}.svg`);
  if (options.write !== undefined) writeDocument(options.write, result);
  const hasFailed = result.scenarios.some(({ contenders }) =>
    contenders.some(({ failure }) => failure !== undefined),
  );
  return hasFailed ? 1 : 0;
}

stopServersOnSignals();
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof MarkerError)) throw error;
  process.stderr.write(`${error.message}\n${error instanceof UsageError ? `\n${usage}` : ''}`);
  process.exitCode = 2;
}
