import { readFile, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import {
  type Cluster,
  eventually,
  freePorts,
  type StatusProcess,
  startCluster,
  type TemporaryFolder,
  temporaryFolder,
} from '@gatewayworker/testing';
import { beforeAll, expect, test } from 'vitest';
import { atEndOfFile } from './shared.ts';

const start = `
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { run, Worker } from 'gatewayworker';
const print = (text) => void process.stdout.write(text + '\\n');
new Worker({ name: 'web', count: 2, onWorkerStart: (worker) => {
  print('web ' + worker.id);
  const server = createServer((_, response) => response.end(String(worker.id)));
  return worker.listen(server, { port: Number(process.env.PORT), host: '127.0.0.1' });
} });
new Worker({ name: 'tidy', onWorkerStop: () => print('stopped well') });
new Worker({ name: 'fragile', onWorkerStart: () => {
  process.on('SIGUSR2', () => setImmediate(() => { throw new Error('out of luck'); }));
  process.on('SIGHUP', () => {
    process.stderr.write('FATAL ERROR: out of memory\\n');
    process.kill(process.pid, 'SIGKILL');
  });
} });
new Worker({ name: 'loop', onWorkerStart: () => {
  if (existsSync(new URL('./broken', import.meta.url))) throw new Error('still broken');
} });
new Worker({ name: 'blocked', onWorkerStart: () => {
  process.on('SIGUSR2', () => { for (;;); });
} });
run({ stopTimeoutMs: 500 });
`;

const atEnd = atEndOfFile();
let cluster: Cluster;
let folder: TemporaryFolder;
/** The port that both processes named web share. */
let port = 0;

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  folder = await temporaryFolder('supervisor-restart');
  atEnd(folder.dispose);
  const file = await folder.write('start.js', start);
  cluster = await startCluster({ file, env: { PORT: String(port) } });
  atEnd(cluster.dispose);
});

async function find(name: string, id = 0): Promise<StatusProcess> {
  const processes = await cluster.status();
  const found = processes.find((figures) => figures.name === name && figures.id === id);
  if (found === undefined) throw new Error(`there is no ${name} #${id}`);
  return found;
}

/** Resolves with the row of a process that was restarted a number of times and is ready. */
function restarted(name: string, id: number, restarts: number): Promise<StatusProcess> {
  return eventually(async () => {
    const row = await find(name, id);
    return row['state'] === 'ready' && row['restarts'] === restarts && row;
  });
}

/** The id of the process that answers on the shared port. */
function request(): Promise<string> {
  return new Promise((resolve, reject) => {
    // Without an agent each request has its own connection.
    const sent = get({ port, host: '127.0.0.1', agent: false }, (response) => {
      resolve(text(response));
    });
    sent.on('error', reject);
    // A connection to a process that is killed at this moment is never answered.
    sent.setTimeout(1_000, () => sent.destroy(new Error('no answer')));
  });
}

function readLog(): Promise<string> {
  return readFile(`${folder.path}/start.log`, 'utf8');
}

test('worker.listen: both processes of a declaration accept on its port', async () => {
  const answers = new Set<string>();
  // The kernel wakes both processes, and the first one accepts.
  await eventually(async () => {
    answers.add(await request());
    return answers.size === 2;
  });
  for (let count = 0; count < 20; count += 1) answers.add(await request());
  expect([...answers].sort()).toEqual(['0', '1']);
});

test('supervisor: restarts a killed process with the same id, its port stays open', async () => {
  const [sibling, victim] = [await find('web', 0), await find('web', 1)];
  process.kill(victim.pid, 'SIGKILL');
  const answers = new Set<string>();
  const after = await eventually(async () => {
    answers.add(await request());
    const row = await find('web', 1);
    return row['state'] === 'ready' && row['restarts'] === 1 && answers.size === 2 && row;
  });
  expect(after).toMatchObject({ lastExit: { code: null, signal: 'SIGKILL' } });
  expect(after.pid).not.toBe(victim.pid);
  await eventually(() => cluster.output().match(/^web 1$/gm)?.length === 2);
  expect(await find('web', 0)).toMatchObject({ pid: sibling.pid, restarts: 0, lastExit: null });
});

test('supervisor: replaces a process that gets SIGTERM after an orderly stop', async () => {
  process.kill((await find('tidy')).pid, 'SIGTERM');
  await eventually(() => cluster.output().includes('stopped well\n'));
  const after = await restarted('tidy', 0, 1);
  expect(after).toMatchObject({ lastExit: { code: 0, signal: null } });
});

test('supervisor: logs the exception that ended a process, and restarts it', async () => {
  process.kill((await find('fragile')).pid, 'SIGUSR2');
  const after = await restarted('fragile', 0, 1);
  expect(after).toMatchObject({ lastExit: { code: 1, signal: null } });
  const lines = (await readLog())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 60,
      name: 'fragile',
      id: 0,
      err: expect.objectContaining({
        message: 'out of luck',
        stack: expect.stringContaining('start.js'),
      }),
    }),
  );
  expect(lines).toContainEqual(
    expect.objectContaining({
      process: 'worker "fragile" #0',
      msg: expect.stringMatching(/#0 ended with exit code 1: out of luck; restarting now$/),
    }),
  );
});

test('supervisor: logs the last error output of a process that was killed', async () => {
  process.kill((await find('fragile')).pid, 'SIGHUP');
  await eventually(async () =>
    /fragile#0 ended by SIGKILL: FATAL ERROR: out of memory; restarting/.test(await readLog()),
  );
  expect(cluster.output()).toContain('FATAL ERROR: out of memory\n');
});

test('supervisor: waits longer before each restart, without a limit', async () => {
  const sibling = await find('web', 0);
  const before = (await readLog()).length;
  const broken = await folder.write('broken', '');
  process.kill((await find('loop')).pid, 'SIGKILL');
  const delays = await eventually(async () => {
    const log = (await readLog()).slice(before);
    const matches = [...log.matchAll(/loop#0 ended .*restarting (?:now|in (\d+) ms)/g)];
    return matches.length >= 4 && matches.map(([, delay]) => Number(delay ?? 0));
  });
  expect(delays[0]).toBe(0);
  // The jitter of a wait is half of it at most, so each wait is no shorter than the one before.
  expect([...delays].sort((a, b) => a - b)).toEqual(delays);
  expect(delays[3]).toBeGreaterThanOrEqual(500);

  await rm(broken);
  const after = await eventually(async () => {
    const row = await find('loop');
    return row['state'] === 'ready' && row;
  });
  expect(after['restarts']).toBeGreaterThanOrEqual(4);
  expect(await find('web', 0)).toMatchObject({ pid: sibling.pid, restarts: 0 });
});

test('status: shows a process that does not answer as busy', async () => {
  const { pid } = await find('blocked');
  process.kill(pid, 'SIGUSR2');
  const blocked = await eventually(async () => {
    const row = await find('blocked');
    return row['state'] === 'busy' && row;
  });
  expect(blocked).toMatchObject({ pid, memory: null, qps: null });
  expect(await find('web', 0)).toMatchObject({ state: 'ready' });
});
