import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type Cluster,
  eventually,
  freePorts,
  openClient,
  type StatusProcess,
  startCluster,
  type TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';

// Clients come, talk and go, each in its way, for as long as is asked. Then every table of every gateway
// and worker must be empty, and their memory what it was when the first clients had come and gone.

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } });
const seconds = Number(values.seconds);
const CLIENTS = 200;
const SAMPLES = 10;
/** Growth of the resident memory of a process that counts as level: what the heap breathes. */
const LEVEL = { factor: 1.4, bytes: 40 * 1_048_576 };
const file = fileURLToPath(new URL('../e2e/fixtures/redeliver/start.ts', import.meta.url));

let opened = 0;
let sent = 0;

/** One client after the other in one seat, until the time is over. */
async function churn(port: number, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const client = await openClient(port);
    opened += 1;
    await talk(client, Math.floor(Math.random() * 30));
    await leave(client);
  }
}

async function talk(client: TestClient, messages: number): Promise<void> {
  for (let index = 0; index < messages && client.isOpen; index += 1) {
    client.send('x'.repeat(Math.floor(Math.random() * 2000)));
    sent += 1;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
  }
}

/** Says goodbye, drops the connection, or drops it without having read. */
async function leave(client: TestClient): Promise<void> {
  const way = Math.floor(Math.random() * 3);
  if (way === 0) await client.close();
  if (way === 2) client.pause();
  client.terminate();
  await client.ended;
}

async function roles(cluster: Cluster): Promise<StatusProcess[]> {
  const processes = await cluster.status();
  return processes.filter(({ role }) => role === 'gateway' || role === 'business-worker');
}

function megabytes(processes: readonly StatusProcess[]): string {
  return processes
    .map(({ role, id, memory }) => `${role}#${id} ${(Number(memory) / 1_048_576).toFixed(0)}M`)
    .join('  ');
}

/** Entries that are there because of clients, by process; empty when there are none. */
function leftovers(processes: readonly StatusProcess[]): string[] {
  return processes.flatMap(({ role, id, tables, inFlight }) =>
    Object.entries({ ...Object(tables), inFlight })
      .filter(([name, size]) => size !== 0 && name !== 'workers' && name !== 'gateways')
      .map(([name, size]) => `${role}#${id}: ${name} ${String(size)}`),
  );
}

async function soak(port: number, cluster: Cluster): Promise<string[]> {
  const start = performance.now();
  const end = start + seconds * 1000;
  const isOver = (): boolean => performance.now() > end;
  const seats = Promise.all(Array.from({ length: CLIENTS }, () => churn(port, isOver)));
  let level: StatusProcess[] = [];
  for (let sample = 1; sample <= SAMPLES; sample += 1) {
    const at = start + (seconds * 1000 * sample) / SAMPLES;
    await new Promise((resolve) => setTimeout(resolve, at - performance.now()));
    const processes = await roles(cluster);
    // By the third sample caches are warm and pools have their size.
    if (sample === 3) level = processes;
    const passed = Math.round((performance.now() - start) / 1000);
    process.stdout.write(
      `${passed} s, ${opened} clients, ${sent} messages  ${megabytes(processes)}\n`,
    );
  }
  await seats;
  await eventually(async () => leftovers(await roles(cluster)).length === 0, {
    timeoutMs: 30_000,
  }).catch(() => undefined);
  const last = await roles(cluster);
  const grown = last.filter(({ memory }, index) => {
    const before = Number(level[index]?.['memory']);
    return Number(memory) > Math.max(before * LEVEL.factor, before + LEVEL.bytes);
  });
  process.stdout.write(`afterwards  ${megabytes(last)}\n`);
  return [...leftovers(last), ...grown.map(({ role, id }) => `${role}#${id}: memory has grown`)];
}

const folder = await temporaryFolder('soak');
const [register = 0, port = 0, inner = 0] = await freePorts(4);
const cluster = await startCluster({
  file,
  pidFile: `${folder.path}/start.pid`,
  env: {
    RUN_FOLDER: folder.path,
    EVENTS: new URL('./events.ts', import.meta.url).href,
    REGISTER_PORT: String(register),
    GATEWAY_PORT: String(port),
    INNER_PORT: String(inner),
  },
});
try {
  const faults = await soak(port, cluster);
  process.stdout.write(faults.length === 0 ? 'every table is empty, memory is level\n' : '');
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await cluster.dispose();
  await folder.dispose();
}
