import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Load, type LoadMode, type LoadOptions } from './load.ts';
import { scalingPorts } from './settings.ts';

/** Measures the CPU time per message of all processes of a cluster, for several numbers of each. */
const startFile = fileURLToPath(new URL('./scaling-cluster.ts', import.meta.url));
const rounds = Number(process.argv[2] ?? 3);
const seconds = Number(process.argv[3] ?? 5);

/** Per gateway, so that each has as much to do as the others and as if it were alone. */
const CLIENTS = 200;
const GROUP_SENDERS = 20;

interface ClusterSize {
  readonly gateways: number;
  readonly workers: number;
}

/** Microseconds of CPU time per message, by size and mode, one for each round. */
const results = new Map<string, number[]>();

const sizes: ClusterSize[] = [1, 2, 4].flatMap((gateways) =>
  [1, 2].map((workers) => ({ gateways, workers })),
);
for (let round = 0; round < rounds; round += 1) {
  for (const size of sizes) await measureSize(size);
}
print();

async function measureSize(size: ClusterSize): Promise<void> {
  const env = {
    ...process.env,
    BENCH_GATEWAYS: String(size.gateways),
    BENCH_WORKERS: String(size.workers),
  };
  const args = [...process.execArgv, startFile];
  const cluster = spawn(process.execPath, [...args, 'start'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    for await (const chunk of cluster.stdout) if (String(chunk).includes('Ctrl+C')) break;
    const status = execFileSync(process.execPath, [...args, 'status', '--json'], { env });
    const { processes } = JSON.parse(status.toString()) as { processes: { pid: number }[] };
    const pids = processes.map(({ pid }) => pid);
    for (const mode of ['echo', 'uid', 'group'] as const) {
      const cost = await measureMode(mode, size.gateways, pids);
      const key = keyOf(mode, size);
      results.set(key, [...(results.get(key) ?? []), cost]);
      console.error(`${key}: ${cost.toFixed(2)} µs`);
    }
  } finally {
    cluster.kill('SIGTERM');
    if (cluster.exitCode === null) await once(cluster, 'exit');
  }
}

async function measureMode(mode: LoadMode, gateways: number, pids: number[]): Promise<number> {
  const ports = Array.from({ length: gateways }, (_, index) => scalingPorts.gateway + index);
  const options: LoadOptions = {
    mode,
    ports,
    clients: CLIENTS * gateways,
    pipeline: mode === 'group' ? 1 : 4,
    senders: GROUP_SENDERS * gateways,
  };
  const load = new Load();
  await load.connect(options);
  load.run(options);
  await sleep(2_000);
  const [receivedBefore, cpuBefore] = [load.received, cpuMicroseconds(pids)];
  await sleep(seconds * 1_000);
  const [received, cpu] = [load.received - receivedBefore, cpuMicroseconds(pids) - cpuBefore];
  load.stop();
  await sleep(500);
  return cpu / received;
}

/** User and system time of processes. Source: proc(5), /proc/[pid]/stat; a tick is 10 ms. */
function cpuMicroseconds(pids: number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10_000;
}

function keyOf(mode: LoadMode, { gateways, workers }: ClusterSize): string {
  return `${mode}, ${gateways} gateways, ${workers} workers`;
}

function print(): void {
  console.log('| gateways | workers | echo | to a uid | to a group of all |');
  console.log('| --- | --- | --- | --- | --- |');
  for (const size of sizes) {
    const cells = (['echo', 'uid', 'group'] as const).map((mode) => {
      const costs = [...(results.get(keyOf(mode, size)) ?? [])].sort((a, b) => a - b);
      const median = costs[Math.floor(costs.length / 2)] ?? Number.NaN;
      return `${median.toFixed(2)} (${costs[0]?.toFixed(2)} to ${costs.at(-1)?.toFixed(2)})`;
    });
    console.log(`| ${size.gateways} | ${size.workers} | ${cells.join(' | ')} |`);
  }
}
