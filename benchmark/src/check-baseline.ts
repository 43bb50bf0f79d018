import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  type Baseline,
  cpuRatio,
  type Fall,
  findFalls,
  parseBaseline,
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
// `--update` writes down what is measured instead.

const file = new URL('../baseline.json', import.meta.url);
/** Attempts after a fall: one and the same build measures up to a third more or less from run to run. */
const MORE_ATTEMPTS = 3;
/** Length of one measurement. */
const seconds = { first: 0.8, again: 2 };
const options = {
  warmSeconds: 0.4,
  idleSeconds: 0,
  rounds: 4,
  generators: 1,
  clients: 200,
};

/**
 * Loads whose ratio is steady where other programs run: with so much under way, each turn of a server has
 * enough to do however late it comes. With 4 messages in flight the ratio spreads twice as much, and with
 * one sender to a group, where each message is a write by itself, three times.
 */
const checked: readonly Scenario[] = [
  describeLoad('echo-16', { mode: 'echo', pipeline: 16 }),
  describeLoad('uid-16', { mode: 'uid', pipeline: 16 }),
  describeLoad('group-20', { mode: 'group', members: 200, senders: 20 }),
];

function describeLoad(name: string, load: Scenario['load']): Scenario {
  return { name, title: name, kind: 'load', metric: 'cpuMicrosPerMessage', load };
}

/** CPU ratios of scenarios, as they are now; 0 of one that fails. */
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

function describe({ scenario, expected, measured }: Fall): string {
  const [now, before] = [formatDecimal(measured), formatDecimal(expected)];
  const tolerance = Math.round(TOLERANCE * 100);
  return `${scenario} fell to ${now} from ${before}: that is more than ${tolerance} %\n`;
}

async function check(): Promise<number> {
  const baseline = parseBaseline(readFileSync(file, 'utf8'));
  let falls = findFalls(baseline, await measure(checked, seconds.first));
  for (let more = MORE_ATTEMPTS; falls.length > 0 && more > 0; more -= 1) {
    process.stdout.write(
      `${falls.map(describe).join('')}Again and for longer, in case something disturbed it.\n`,
    );
    const fallen = checked.filter(({ name }) => falls.some(({ scenario }) => scenario === name));
    falls = findFalls(baseline, await measure(fallen, seconds.again));
  }
  process.stderr.write(falls.map(describe).join(''));
  return falls.length === 0 ? 0 : 1;
}

async function update(): Promise<number> {
  const measured = Object.entries(await measure(checked, seconds.again));
  if (measured.some(([, ratio]) => ratio === 0)) return 1;
  const rounded = measured.map(([name, ratio]) => [name, Number(ratio.toFixed(2))]);
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`);
  return 0;
}

stopServersOnSignals();
const { values } = parseArgs({ options: { update: { type: 'boolean', default: false } } });
process.exitCode = await (values.update ? update() : check());
