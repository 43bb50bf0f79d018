import { readFile, rm } from 'node:fs/promises';
import { eventually, isAlive, type StatusProcess, type TestClient } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import {
  ask,
  eventsOf,
  pidsOf,
  startVersioned,
  type VersionedOptions,
} from './versioned-cluster.ts';

type Bound = [pid: number, client: TestClient];

function pidOf(processes: readonly StatusProcess[], key: string): number {
  const pid = pidsOf(processes)[key];
  if (pid === undefined) throw new Error(`there is no ${key}`);
  return pid;
}

test('reload brings the new code while clients talk; gateways, register and sockets stay', async () => {
  const { cluster, command, open, write } = await startVersioned({
    more: "new Worker({ name: 'web' });",
  });
  const clients = [await open(), await open(), await open(), await open()];
  const before = await cluster.status();
  expect(await ask(clients[0] ?? (await open()))).toMatch(/^v1 \d+$/);

  await write(eventsOf('v2'));
  let isTalking = true;
  const talk = Promise.all(
    clients.map(async (client) => {
      while (isTalking) await ask(client);
    }),
  );
  const reload = await command('reload');
  isTalking = false;
  await talk;

  const after = await cluster.status();
  const [old, now] = [pidsOf(before), pidsOf(after)];
  expect(reload).toMatchObject({ exitCode: 0, stderr: '' });
  expect(reload.stdout.replace(/after \d+ ms/g, 'after … ms')).toBe(
    [
      `brain #0: ${old['brain#0']} -> ${now['brain#0']}, ready after … ms`,
      `brain #1: ${old['brain#1']} -> ${now['brain#1']}, ready after … ms`,
      `web #0:   ${old['web#0']} -> ${now['web#0']}, ready after … ms`,
      'Reloaded.\n',
    ].join('\n'),
  );
  for (const key of ['register#0', 'gate#0', 'gate#1', 'start.js#0']) {
    expect(now[key]).toBe(old[key]);
  }
  expect(after.map(({ restarts }) => restarts)).toEqual(after.map(() => 0));
  expect(after).toHaveLength(before.length);
  expect(clients.every(({ isOpen }) => isOpen)).toBe(true);
  const workers = [now['brain#0'], now['brain#1']].map((pid) => `v2 ${pid}`);
  for (const client of clients) {
    // What the old code has answered may still be on its way.
    const answer = await eventually(async () => {
      const text = await ask(client);
      return text.startsWith('v2') && text;
    });
    expect(workers).toContain(answer);
  }
});

test('reload leaves the old code running when the new has a syntax error, throws or exits', () =>
  expectNotReplaced({}, [
    [
      'export class Events {\n  onMessage( {',
      /events\.js cannot be imported: Unexpected end of input\n/,
    ],
    [
      eventsOf('v2', "onWorkerStart() { throw new Error('the database is down'); }"),
      /could not start|was not replaced: [\s\S]*the database is down[\s\S]*events\.js:\d+/,
    ],
    ['process.exit(3);', /brain" #0 was not replaced: ended with exit code 3 before it/],
  ]));

test('reload leaves the old code running when the new has too little memory', () =>
  expectNotReplaced({ env: { NODE_OPTIONS: '--max-old-space-size=100' } }, [
    [
      'const all = [];\nfor (;;) all.push(new Array(1e6).fill(1.5));',
      /was not replaced: FATAL ERROR: .*memory/,
    ],
  ]));

// What a user of tsx sees: the compiler's message, and lines of the source.
test('reload leaves the old TypeScript running when the new has a syntax error or throws', () =>
  expectNotReplaced({ language: 'ts' }, [
    ['export class Events {\n  onMessage( {', /events\.ts:2:\d+: ERROR: Expected/],
    [
      "function load(): never {\n  throw new TypeError('no such thing');\n}\nload();",
      /: no such thing\n {4}at load \(.*events\.ts:2:\d+\)/,
    ],
  ]));

async function expectNotReplaced(
  options: VersionedOptions,
  attempts: readonly (readonly [events: string, message: RegExp])[],
): Promise<void> {
  const { cluster, command, open, write } = await startVersioned({
    run: '{ readyTimeoutMs: 30_000 }',
    workers: 1,
    gateways: 1,
    ...options,
  });
  const client = await open();
  const before = pidsOf(await cluster.status());
  for (const [events, message] of attempts) {
    await write(events);
    const reload = await command('reload');
    expect(reload).toMatchObject({ exitCode: 1, stdout: '' });
    expect(reload.stderr).toMatch(message);
    expect(reload.stderr).toMatch(/^business-worker "brain" #0 was not replaced: /);
    expect(reload.stderr).toMatch(
      /\nNothing was replaced: what runs goes on with the old code\.\n$/,
    );
    expect(pidsOf(await cluster.status())).toEqual(before);
    expect(await ask(client)).toMatch(/^v1 /);
  }
}

test('reload leaves the old code running when the new is never ready, and says where it hangs', async () => {
  const { cluster, command, open, write } = await startVersioned({
    run: '{ readyTimeoutMs: 8_000 }',
    language: 'ts',
    workers: 1,
    gateways: 1,
  });
  const client = await open();
  const before = pidsOf(await cluster.status());
  await write(`function hang() {\n  for (;;);\n}\nhang();\n`);
  const reload = await command('reload');
  expect(reload).toMatchObject({ exitCode: 1, stdout: '' });
  expect(reload.stderr).toMatch(
    /^business-worker "brain" #0 was not replaced: it was not ready within 8000 ms\n {4}at hang \(.*events\.ts:\d/,
  );
  expect(pidsOf(await cluster.status())).toEqual(before);
  expect(await ask(client)).toMatch(/^v1 /);
});

test('a reload with an endless loop and a handler that never settles ends at the deadline', async () => {
  const { cluster, command, folder, open, write } = await startVersioned({
    run: '{ stopTimeoutMs: 1_500 }',
  });
  const before = await cluster.status();
  const byWorker = new Map<number, TestClient>();
  for (let index = 0; index < 4; index += 1) {
    const client = await open();
    byWorker.set(Number((await ask(client)).split(' ')[1]), client);
  }
  const [[spinning, spinner], [hanging, hanger]] = [...byWorker] as [Bound, Bound];
  spinner.send('spin');
  hanger.send('hang');
  await write(eventsOf('v2'));
  const reload = await command('reload');
  expect(reload).toMatchObject({ exitCode: 0, stderr: '' });
  expect(reload.stdout).toMatch(
    new RegExp(`brain #\\d: ${spinning} was killed: it did not finish in time\n`),
  );
  const log = await readFile(`${folder.path}/start.log`, 'utf8');
  expect(log).toMatch(
    /"stack":" {4}at spin \([^"]*events\.js:\d+.*killed: it did not stop within 1500 ms/,
  );
  expect([spinning, hanging].filter(isAlive)).toEqual([]);
  const after = await cluster.status();
  expect(after).toHaveLength(before.length);
  expect(await ask(await open())).toMatch(/^v2 /);
});

test('shows what a busy process is doing, and stops it at the deadline', async () => {
  const { cluster, command, folder, open } = await startVersioned({
    workers: 1,
    run: '{ stopTimeoutMs: 1_500 }',
  });
  (await open()).send('spin');
  const pid = pidOf(await cluster.status(), 'brain#0');
  const status = await eventually(async () => {
    const { stdout } = await command('status');
    return stdout.includes('does not answer') && stdout;
  });
  expect(status).toMatch(
    new RegExp(
      `\n\nbrain #0 \\(${pid}\\) does not answer; it is\n    at spin \\(.*events\\.js:\\d+`,
    ),
  );
  const json = (await cluster.status()).find(({ name }) => name === 'brain');
  expect(json).toMatchObject({ pid, state: 'busy', stack: expect.stringContaining('at spin') });
  expect(cluster.output()).not.toContain('Debugger');
  // Another user of the machine finds the port, and not the address.
  process.kill(pidOf(await cluster.status(), 'gate#0'), 'SIGUSR1');
  const port = await eventually(
    () => /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(cluster.output())?.[1],
  );
  for (const path of ['/json', '/json/list', '/json/version']) {
    expect(await fetch(`http://127.0.0.1:${port}${path}`)).toMatchObject({ status: 404 });
  }
  expect(await cluster.stop()).toBe(0);
  expect(isAlive(pid)).toBe(false);
  expect(await readFile(`${folder.path}/start.log`, 'utf8')).toMatch(/"stack":" {4}at spin /);
});

test('refuses a reload during another one, and a stop ends one', async () => {
  const { cluster, command, write } = await startVersioned({ run: '{ readyTimeoutMs: 60_000 }' });
  await write(eventsOf('v2', 'onWorkerStart() { return new Promise(() => {}); }'));
  const reloading = command('reload');
  await eventually(async () =>
    (await cluster.status()).some(({ name, state }) => name === 'brain' && state === 'starting'),
  );
  expect(await command('reload')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'cannot reload: another reload is under way\n',
  });
  const pids = Object.values(pidsOf(await cluster.status()));
  expect(await cluster.stop()).toBe(0);
  expect((await reloading).exitCode).toBe(1);
  expect(pids.filter(isAlive)).toEqual([]);
});

test('reload starts a worker at once that waits after crashes, and takes over from one that dies meanwhile', async () => {
  const { cluster, folder, command } = await startVersioned({
    workers: 1,
    run: '{ readyTimeoutMs: 60_000 }',
    more: `import { existsSync } from 'node:fs';
const has = (name) => existsSync(new URL(name, import.meta.url));
new Worker({ name: 'shaky', async onWorkerStart() {
  if (has('./broken')) throw new Error('still broken');
  while (has('./slow')) await new Promise((resolve) => setTimeout(resolve, 20));
} });`,
  });
  const find = async (state: string) =>
    (await cluster.status()).find((row) => row.name === 'shaky' && row['state'] === state);
  const broken = await folder.write('broken', '');
  process.kill(pidOf(await cluster.status(), 'shaky#0'), 'SIGKILL');
  await eventually(() => (cluster.output().match(/restarting in \d+ ms/g)?.length ?? 0) >= 3, {
    timeoutMs: 20_000,
  });
  await rm(broken);
  const revived = await command('reload');
  expect(revived).toMatchObject({ exitCode: 0 });
  expect(revived.stdout).toMatch(/shaky #0: (?:down|\d+) -> \d+, ready/);

  const slow = await folder.write('slow', '');
  onTestFinished(() => rm(slow, { force: true }));
  const reloading = command('reload');
  await eventually(() => find('starting'), { timeoutMs: 30_000 });
  process.kill(await eventually(async () => (await find('ready'))?.pid), 'SIGKILL');
  await eventually(async () => (await find('ready')) === undefined, { timeoutMs: 30_000 });
  await rm(slow);
  expect(await reloading).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/shaky #0: down -> /),
  });
  expect(await find('ready')).toMatchObject({ lastExit: { code: null, signal: 'SIGKILL' } });
}, 120_000);

test('SIGUSR1 reloads, and the log tells how it went', async () => {
  const { cluster, open, write } = await startVersioned({ workers: 1 });
  const client = await open();
  await write(eventsOf('v2'));
  process.kill(cluster.pid, 'SIGUSR1');
  await eventually(async () => (await ask(client)).startsWith('v2'));
  await eventually(() => cluster.output().includes('"msg":"reloaded"'));
  await write('throw new Error("v3 is no good");');
  process.kill(cluster.pid, 'SIGUSR1');
  await eventually(() => cluster.output().includes('v3 is no good'));
  expect(cluster.output()).toContain('not reloaded: ');
  expect(await ask(client)).toMatch(/^v2 /);
});

test('start --watch reloads when a source is saved, and goes on with the old code when it does not run', async () => {
  const { cluster, command, open, write } = await startVersioned({
    workers: 1,
    args: ['start', '--watch'],
    language: 'ts',
  });
  const client = await open();
  await write(eventsOf('v2'));
  await eventually(async () => (await ask(client)).startsWith('v2'), { timeoutMs: 20_000 });
  await write("function load() {\n  throw new TypeError('a slip');\n}\nload();");
  await eventually(() => /a slip.*at load \(.*events\.ts:2/.test(cluster.output()), {
    timeoutMs: 20_000,
  });
  expect(await ask(client)).toMatch(/^v2 /);
  await write(eventsOf('v3'));
  await eventually(async () => (await ask(client)).startsWith('v3'), { timeoutMs: 20_000 });
  expect(client.isOpen).toBe(true);
  expect(await command('start', '-d', '--wait', '50', '--watch')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("option '-d, --daemon' cannot be used with option '--watch'"),
  });
});
