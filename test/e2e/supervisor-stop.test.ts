import { readFile } from 'node:fs/promises';
import {
  type Cluster,
  eventually,
  freePorts,
  isAlive,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

interface StopCase {
  readonly waitForReady?: boolean;
  readonly stopTimeoutMs?: number;
}

async function start(declarations: string, { waitForReady, stopTimeoutMs }: StopCase = {}) {
  const folder = await temporaryFolder('supervisor-stop');
  onTestFinished(folder.dispose);
  await folder.write(
    'events.js',
    "export class Events { onWorkerStop() { process.stdout.write('stopped: events\\n'); } }",
  );
  const file = await folder.write(
    'start.js',
    `import { BusinessWorker, Gateway, Register, run, Worker } from 'gatewayworker';
${declarations}
run({ stopTimeoutMs: ${stopTimeoutMs ?? 1_000} });
`,
  );
  const cluster = await startCluster({ file, waitForReady: waitForReady ?? true });
  onTestFinished(cluster.dispose);
  return { cluster, folder };
}

async function readPids(cluster: Cluster): Promise<number[]> {
  return (await cluster.status()).map(({ pid }) => pid).filter((pid) => pid !== cluster.pid);
}

const stopsWell = `
new Worker({ name: 'web', count: 2, onWorkerStop: ({ id }) => void process.stdout.write('stopped: web ' + id + '\\n') });
`;
const neverStops = `
new Worker({ name: 'stuck', onWorkerStop: () => {
  process.stdout.write('stopping: stuck\\n');
  return new Promise(() => {});
} });
`;

test('SIGINT: stops every process, kills those that are late, exits with 0', async () => {
  const { cluster, folder } = await start(stopsWell + neverStops);
  const pids = await readPids(cluster);
  expect(pids).toHaveLength(3);
  process.kill(cluster.pid, 'SIGINT');
  expect(await cluster.ended()).toEqual({ code: 0, signal: null });
  expect(cluster.output()).toContain('stopped: web 0\n');
  expect(cluster.output()).toContain('stopped: web 1\n');
  expect(pids.filter(isAlive)).toEqual([]);
  await expect(readFile(`${folder.path}/start.pid`)).rejects.toThrow('ENOENT');
  const log = await readFile(`${folder.path}/start.log`, 'utf8');
  expect(log).toContain('killed: it did not stop within 1000 ms');
});

// A terminal sends SIGINT to every process, nodemon SIGUSR2.
test.each(['SIGINT', 'SIGTERM', 'SIGUSR2'] as const)(
  '%s to every process at once: they stop in order',
  async (signal) => {
    const [registerPort = 0, port = 0] = await freePorts(2);
    const { cluster } = await start(`
const registerAddress = '127.0.0.1:${registerPort}';
new Register({ listen: registerAddress });
new Gateway({ listen: 'websocket://127.0.0.1:${port}', startPort: 0, registerAddress });
new BusinessWorker({ eventHandler: new URL('./events.js', import.meta.url), registerAddress });
new Worker({ onWorkerStop: () => void process.stdout.write('stopped: worker\\n') });
`);
    const pids = await readPids(cluster);
    expect(pids).toHaveLength(4);
    for (const pid of [...pids, cluster.pid]) process.kill(pid, signal);
    expect(await cluster.ended()).toEqual({ code: 0, signal: null });
    expect(cluster.output().match(/^stopped: .*$/gm)).toEqual([
      'stopped: events',
      'stopped: worker',
    ]);
    expect(cluster.output()).not.toContain('restarting');
    expect(pids.filter(isAlive)).toEqual([]);
  },
);

test('SIGINT again: kills the processes that still run, exits with 1', async () => {
  const { cluster } = await start(neverStops, { stopTimeoutMs: 60_000 });
  const [pid = 0] = await readPids(cluster);
  process.kill(cluster.pid, 'SIGINT');
  await eventually(() => cluster.output().includes('stopping: stuck\n'));
  expect(cluster.output()).toContain('press Ctrl+C again to kill the remaining processes');
  // Signals within a tenth of a second count as one, so the second one is sent until it has counted.
  await eventually(() => {
    if (isAlive(cluster.pid)) process.kill(cluster.pid, 'SIGINT');
    return !isAlive(cluster.pid);
  });
  expect(await cluster.ended()).toEqual({ code: 1, signal: null });
  expect(isAlive(pid)).toBe(false);
});

test('SIGINT during a start: stops every process, exits with 1', async () => {
  const { cluster } = await start(
    "new Worker({ name: 'slow', onWorkerStart: () => { process.stdout.write('starting\\n'); return new Promise(() => {}); } });",
    { waitForReady: false },
  );
  await eventually(() => cluster.output().includes('starting\n'));
  const pids = await readPids(cluster);
  process.kill(cluster.pid, 'SIGINT');
  expect(await cluster.ended()).toEqual({ code: 1, signal: null });
  expect(cluster.output()).toContain('stopped before it was ready\n');
  expect(pids.filter(isAlive)).toEqual([]);
});

test('SIGINT: a process that cannot receive the order yet stops once it can', async () => {
  const { cluster, folder } = await start(
    `import { existsSync } from 'node:fs';
const go = new URL('./go', import.meta.url);
while (process.send !== undefined && !existsSync(go)) await new Promise((resolve) => setTimeout(resolve, 20));
new Worker({ name: 'late' });`,
    { waitForReady: false, stopTimeoutMs: 15_000 },
  );
  const pids = await eventually(async () => {
    const all = await readPids(cluster).catch(() => []);
    return all.length === 1 ? all : undefined;
  });
  process.kill(cluster.pid, 'SIGINT');
  await eventually(() => cluster.output().includes('stopping'));
  await folder.write('go', '');
  expect(await cluster.ended()).toEqual({ code: 1, signal: null });
  expect(cluster.output()).not.toContain('killed');
  expect(pids.filter(isAlive)).toEqual([]);
});

test('kill -9 of a foreground master: its processes finish their work and end', async () => {
  const { cluster } = await start(stopsWell + neverStops);
  const pids = await readPids(cluster);
  expect(pids).toHaveLength(3);
  await cluster.killMaster();
  // The hung process ends after stopTimeoutMs.
  await eventually(() => !pids.some(isAlive));
  // The pipes are read a moment later.
  await eventually(() => [0, 1].every((id) => cluster.output().includes(`stopped: web ${id}\n`)));
});
