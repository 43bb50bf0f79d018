import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ReloadKind, requestReload } from '@gatewayworker/supervisor';
import {
  type Cluster,
  eventually,
  freePorts,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { LedgerClient, Totals } from './ledger-client.ts';

// Clients, gateways and workers fail at random, for as long as is asked. Every numbered message must arrive once and in
// the order of its sender, or be inside of a gap that was reported.

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    clients: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    /** Comma-separated names of `faults`. */
    faults: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const file = fileURLToPath(new URL('../e2e/fixtures/dist/resume/start.js', import.meta.url));

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Returns random numbers from 0 to 1, the same for the same seed. Source: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(Number(values.seed));

function pick<T>(all: readonly T[]): T | undefined {
  return all[Math.floor(random() * all.length)];
}

interface Scene {
  readonly clients: readonly LedgerClient[];
  readonly cluster: Cluster;
  readonly pidFile: string;
}

async function kill({ cluster }: Scene, role: string): Promise<void> {
  const all = (await cluster.status()).filter((one) => one.role === role);
  const pid = pick(all)?.pid;
  if (pid === undefined || pid === null) return;
  process.kill(pid, 'SIGKILL');
}

/** What fails. Each resolves when the cluster can go on. */
const faults: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  drop: async ({ clients }) => {
    for (let left = 20; left > 0; left -= 1) pick(clients)?.drop();
  },
  deafen: async ({ clients }) => {
    for (let left = 5; left > 0; left -= 1) pick(clients)?.deafen();
  },
  killGateway: (scene) => kill(scene, 'gateway'),
  killWorker: (scene) => kill(scene, 'business-worker'),
  reload: async ({ pidFile }) => {
    await requestReload(pidFile, ReloadKind.workers, () => undefined);
  },
  reloadGateways: async ({ pidFile }) => {
    await requestReload(pidFile, ReloadKind.gateways, () => undefined);
  },
};

function percentile(sorted: readonly number[], part: number): string {
  return `${Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)} ms`;
}

function report(totals: Totals): void {
  const times = totals.resumeMs.toSorted((one, other) => one - other);
  const list = (counts: Map<string, number>): string =>
    Array.from(counts, ([name, number]) => `${name} ${number}`).join(', ') || 'none';
  print(`${totals.messages} messages received, ${totals.sent} sent, ${totals.replies} replies`);
  print(`${totals.drops} drops, ${totals.resumes} resumes`);
  print(
    `time to resume: p50 ${percentile(times, 0.5)}, p99 ${percentile(times, 0.99)}, longest ${percentile(times, 1)}`,
  );
  print(`new sessions: ${list(totals.newSessions)}`);
  print(`gaps: ${list(totals.gaps)}; ${totals.missedInGaps} messages in them`);
  print(`failed calls: ${list(totals.failures)}`);
  print(`unexplained: ${totals.violations.length}`);
  for (const violation of totals.violations.slice(0, 20)) print(`  ${violation}`);
}

async function run(): Promise<void> {
  print(`seed ${values.seed}`);
  const [registerPort, port = 0] = await freePorts(2);
  const folder = await temporaryFolder('ledger');
  const pidFile = `${folder.path}/ledger.pid`;
  const env = {
    REGISTER_PORT: String(registerPort),
    GATEWAY_PORTS: String(port),
    PID_FILE: pidFile,
    LOG_FILE: `${folder.path}/ledger.log`,
    TICK_MS: '100',
  };
  const cluster = await startCluster({ file, env, pidFile });
  const totals = new Totals();
  const clients: LedgerClient[] = [];
  try {
    for (let index = 0; index < Number(values.clients); index += 1) {
      clients.push(new LedgerClient(`u${index}`, () => `ws://127.0.0.1:${port}/`, totals));
      if (index % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await eventually(() => clients.every(({ isOpen }) => isOpen), { timeoutMs: 60_000 });
    const talking = setInterval(() => {
      for (const client of clients) if (Math.random() < 0.2) client.send();
      pick(clients)?.request();
    }, 200);
    const names = values.faults?.split(',') ?? Object.keys(faults);
    const scene = { clients, cluster, pidFile };
    const end = performance.now() + seconds * 1000;
    const counts = new Map<string, number>();
    while (performance.now() < end) {
      const name = pick(names) ?? '';
      counts.set(name, (counts.get(name) ?? 0) + 1);
      try {
        await faults[name]?.(scene);
      } catch (error) {
        print(`${name}: ${String(error)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 500 + random() * 2500));
    }
    clearInterval(talking);
    print(`faults: ${Array.from(counts, ([name, number]) => `${name} ${number}`).join(', ')}`);
    // Half-open connections are noticed after the silence of a ping.
    await eventually(() => clients.every(({ isOpen }) => isOpen), { timeoutMs: 90_000 });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    report(totals);
    process.exitCode = totals.violations.length > 0 ? 1 : 0;
  } finally {
    for (const client of clients) client.close();
    await cluster.stop();
    await cluster.dispose();
    await folder.dispose();
  }
}

await run();
