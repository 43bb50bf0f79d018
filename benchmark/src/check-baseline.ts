import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  type Baseline,
  cpuRatio,
  findRegressions,
  parseBaseline,
  type Regression,
  TOLERANCE,
} from './baseline.ts';
import { gatewayworkerByName } from './contenders/gatewayworker.ts';
import { rawWs } from './contenders/raw-ws.ts';
import { stopServersOnSignals } from './processes/server-process.ts';
import { formatDecimal } from './report/columns.ts';
import type { ScenarioResult } from './result.ts';
import { runScenario } from './run-benchmark.ts';
import type { Scenario } from './scenarios.ts';

// A short run that fails when this framework has become slower in comparison with a plain server.
// `--update` writes the measured ratios to the baseline instead.

const file = new URL('../baseline.json', import.meta.url);
/** Repetitions after a regression: the results of one build vary by up to a third between runs. */
const MAX_RETRIES = 3;
/** Length of one measurement, in seconds. */
const seconds = { first: 0.8, retry: 2 };
const options = {
  warmSeconds: 0.4,
  idleSeconds: 0,
  rounds: 4,
  generators: 1,
  clients: 200,
};

/**
 * Loads whose ratio is stable while other programs run: with many messages in flight, each turn of a server has enough
 * work even if it is late. With 4 messages in flight the ratio varies twice as much, and with one sender to a group,
 * where each message is a write of its own, three times as much.
 */
const checkedScenarios: readonly Scenario[] = [
  describeLoad('echo-16', { mode: 'echo', pipeline: 16 }),
  describeLoad('uid-16', { mode: 'uid', pipeline: 16 }),
  describeLoad('group-20', { mode: 'group', members: 200, senders: 20 }),
];

function describeLoad(name: string, load: Scenario['load']): Scenario {
  return { name, title: name, kind: 'load', metric: 'cpuMicrosPerMessage', load };
}

/** Measures the CPU ratios of scenarios; 0 for a scenario that fails. */
async function measure(loads: readonly Scenario[], length: number): Promise<Baseline> {
  const own = gatewayworkerByName('gatewayworker-1x1');
  const ratios: [string, number][] = [];
  for (const load of loads) {
    const result = await runScenario(load, own === undefined ? [] : [rawWs, own], {
      ...options,
      seconds: length,
    });
    const ratio = ratioOf(result);
    ratios.push([load.name, ratio]);
    if (ratio === 0) continue;
    process.stdout.write(
      `${load.name}: ${formatDecimal(ratio)} times as much per CPU second as the plain server\n`,
    );
  }
  return Object.fromEntries(ratios);
}

function ratioOf(result: ScenarioResult): number {
  try {
    return cpuRatio(result);
  } catch (error) {
    process.stderr.write(`${result.scenario}: ${error instanceof Error ? error.message : error}\n`);
    return 0;
  }
}

function describe({ scenario, expected, measured }: Regression): string {
  const [now, before] = [formatDecimal(measured), formatDecimal(expected)];
  const tolerance = Math.round(TOLERANCE * 100);
  return `${scenario} regressed from ${before} to ${now}, by more than ${tolerance} %\n`;
}

async function check(): Promise<number> {
  const baseline = parseBaseline(readFileSync(file, 'utf8'));
  let regressions = findRegressions(baseline, await measure(checkedScenarios, seconds.first));
  for (let left = MAX_RETRIES; regressions.length > 0 && left > 0; left -= 1) {
    process.stdout.write(
      `${regressions.map(describe).join('')}Repeating with longer measurements, in case other programs disturbed it.\n`,
    );
    const regressed = checkedScenarios.filter(({ name }) =>
      regressions.some(({ scenario }) => scenario === name),
    );
    regressions = findRegressions(baseline, await measure(regressed, seconds.retry));
  }
  process.stderr.write(regressions.map(describe).join(''));
  return regressions.length === 0 ? 0 : 1;
}

async function update(): Promise<number> {
  const measured = Object.entries(await measure(checkedScenarios, seconds.retry));
  if (measured.some(([, ratio]) => ratio === 0)) return 1;
  const rounded = measured.map(([name, ratio]) => [name, Number(ratio.toFixed(2))]);
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`);
  return 0;
}

stopServersOnSignals();
const { values } = parseArgs({ options: { update: { type: 'boolean', default: false } } });
process.exitCode = await (values.update ? update() : check());
