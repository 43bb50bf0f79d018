import { readFile, rm } from 'node:fs/promises';
import {
  eventually,
  type StatusProcess,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

async function start(declarations: string) {
  const folder = await temporaryFolder('supervisor-restart');
  onTestFinished(folder.dispose);
  const file = await folder.write(
    'start.js',
    `import { existsSync } from 'node:fs';
import { run, Worker } from 'gatewayworker';
${declarations}
run({ stopTimeoutMs: 500 });
`,
  );
  const cluster = await startCluster({ file, env: { CLUSTER_FOLDER: folder.path } });
  onTestFinished(cluster.dispose);
  return { cluster, folder };
}

function findProcess(processes: readonly StatusProcess[], name: string, id: number): StatusProcess {
  const found = processes.find((figures) => figures.name === name && figures.id === id);
  if (found === undefined) throw new Error(`there is no ${name} #${id}`);
  return found;
}

test('supervisor: restarts a killed process with the same id', async () => {
  const { cluster } = await start(`
new Worker({ name: 'web', count: 2, onWorkerStart: ({ id }) => void process.stdout.write('web ' + id + '\\n') });
`);
  const before = await cluster.status();
  const victim = findProcess(before, 'web', 1);
  process.kill(victim.pid, 'SIGKILL');
  await eventually(() => cluster.output().match(/^web 1$/gm)?.length === 2);
  const after = await eventually(async () => {
    const processes = await cluster.status();
    return findProcess(processes, 'web', 1)['state'] === 'ready' && processes;
  });
  expect(findProcess(after, 'web', 1)).toMatchObject({
    restarts: 1,
    lastExit: { code: null, signal: 'SIGKILL' },
  });
  expect(findProcess(after, 'web', 1).pid).not.toBe(victim.pid);
  expect(findProcess(after, 'web', 0)).toMatchObject({
    pid: findProcess(before, 'web', 0).pid,
    restarts: 0,
    lastExit: null,
  });
});

test('replaces a process that gets SIGTERM after a clean stop', async () => {
  const { cluster } = await start(`
new Worker({ name: 'web', onWorkerStop: () => void process.stdout.write('stopped well\\n') });
`);
  const victim = findProcess(await cluster.status(), 'web', 0);
  process.kill(victim.pid, 'SIGTERM');
  await eventually(() => cluster.output().includes('stopped well\n'));
  const after = await eventually(async () => {
    const web = findProcess(await cluster.status(), 'web', 0);
    return web['state'] === 'ready' && web;
  });
  expect(after).toMatchObject({ restarts: 1, lastExit: { code: 0, signal: null } });
});

test('logs why a process ended, with the stack, and starts it again', async () => {
  const { cluster, folder } = await start(`
new Worker({ name: 'web', onWorkerStart: () => {
  process.on('SIGUSR2', () => setImmediate(() => { throw new Error('lost my mind'); }));
} });
`);
  process.kill(findProcess(await cluster.status(), 'web', 0).pid, 'SIGUSR2');
  const web = await eventually(async () => {
    const found = findProcess(await cluster.status(), 'web', 0);
    return found['restarts'] === 1 && found;
  });
  expect(web).toMatchObject({ lastExit: { code: 1, signal: null } });
  const log = await readFile(`${folder.path}/start.log`, 'utf8');
  const lines = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 60,
      name: 'web',
      id: 0,
      err: expect.objectContaining({
        message: 'lost my mind',
        stack: expect.stringContaining('start.js'),
      }),
    }),
  );
  expect(lines).toContainEqual(
    expect.objectContaining({
      process: 'worker "web" #0',
      msg: expect.stringMatching(/#0 ended with exit code 1: lost my mind; restarting now$/),
    }),
  );
});

test('waits longer each time before it starts a process that keeps dying, and never gives up', async () => {
  const { cluster, folder } = await start(`
const isBroken = () => existsSync(process.env['CLUSTER_FOLDER'] + '/broken');
new Worker({ name: 'steady' });
new Worker({ name: 'loop', onWorkerStart: () => {
  if (isBroken()) throw new Error('still broken');
} });
`);
  const steady = findProcess(await cluster.status(), 'steady', 0).pid;
  const broken = await folder.write('broken', '');
  process.kill(findProcess(await cluster.status(), 'loop', 0).pid, 'SIGKILL');
  const delays = await eventually(
    async () => {
      const log = await readFile(`${folder.path}/start.log`, 'utf8');
      const matches = [...log.matchAll(/restarting (?:now|in (\d+) ms)/g)];
      return matches.length >= 4 && matches.map(([, delay]) => Number(delay ?? 0));
    },
    { timeoutMs: 20_000 },
  );
  expect(delays[0]).toBe(0);
  // The jitter of a wait is half of it at most, so each wait is no shorter than the one before.
  expect([...delays].sort((a, b) => a - b)).toEqual(delays);
  expect(delays[3]).toBeGreaterThanOrEqual(500);

  await rm(broken);
  const processes = await eventually(async () => {
    const all = await cluster.status();
    return findProcess(all, 'loop', 0)['state'] === 'ready' && all;
  });
  expect(findProcess(processes, 'loop', 0)['restarts']).toBeGreaterThanOrEqual(4);
  expect(findProcess(processes, 'steady', 0)).toMatchObject({ pid: steady, restarts: 0 });
});

test('shows a process that does not answer as busy within 2 s', async () => {
  const { cluster } = await start(`
new Worker({ name: 'blocked', onWorkerStart: () => {
  process.on('SIGUSR2', () => { for (;;); });
} });
new Worker({ name: 'well' });
`);
  const { pid } = findProcess(await cluster.status(), 'blocked', 0);
  process.kill(pid, 'SIGUSR2');
  const processes = await eventually(async () => {
    const all = await cluster.status();
    return findProcess(all, 'blocked', 0)['state'] === 'busy' && all;
  });
  expect(findProcess(processes, 'blocked', 0)).toMatchObject({ pid, memory: null, qps: null });
  expect(findProcess(processes, 'well', 0)).toMatchObject({ state: 'ready' });
});
