import { readFileSync, writeFileSync } from 'node:fs';
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
import { stopAllServers } from './processes/server-process.ts';
import { formatDecimal } from './report/columns.ts';
import { runScenario } from './run-benchmark.ts';
import { scenarios } from './scenarios.ts';

// A short run that fails when this framework has become slower in comparison with a plain server.
// `--update` writes down what is measured instead.

const file = new URL('../baseline.json', import.meta.url);
const checked = ['echo-deep', 'uid', 'group-20'];
const options = { seconds: 1, warmSeconds: 0.5, rounds: 3, generators: 1, clients: 200 };

/** CPU ratios of scenarios, as they are now. */
async function measure(names: readonly string[]): Promise<Baseline> {
  const own = gatewayworkerByName('gatewayworker-1x1');
  const ratios: [string, number][] = [];
  for (const scenario of scenarios.filter(({ name }) => names.includes(name))) {
    const result = await runScenario(scenario, own === undefined ? [] : [rawWs, own], options);
    const ratio = cpuRatio(result);
    process.stdout.write(
      `${scenario.name}: ${formatDecimal(ratio)} × the plain server per CPU second\n`,
    );
    ratios.push([scenario.name, ratio]);
  }
  return Object.fromEntries(ratios);
}

function describe({ scenario, expected, measured }: Fall): string {
  const [now, before] = [formatDecimal(measured), formatDecimal(expected)];
  const tolerance = Math.round(TOLERANCE * 100);
  return `${scenario} fell to ${now} from ${before}: that is more than ${tolerance} %\n`;
}

async function check(): Promise<number> {
  const baseline = parseBaseline(readFileSync(file, 'utf8'));
  const falls = findFalls(baseline, await measure(checked));
  if (falls.length === 0) return 0;
  process.stdout.write(
    `${falls.map(describe).join('')}Once more, in case something disturbed it.\n`,
  );
  const again = findFalls(baseline, await measure(falls.map(({ scenario }) => scenario)));
  process.stderr.write(again.map(describe).join(''));
  return again.length === 0 ? 0 : 1;
}

async function update(): Promise<number> {
  const measured = Object.entries(await measure(checked));
  const rounded = measured.map(([name, ratio]) => [name, Number(ratio.toFixed(2))]);
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(rounded), null, 2)}\n`);
  return 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopAllServers().finally(() => process.exit(130)));
}
process.exitCode = await (process.argv.includes('--update') ? update() : check());
