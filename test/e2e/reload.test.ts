import { readFile, rm } from 'node:fs/promises';
import {
  endDaemon,
  eventually,
  isAlive,
  nodeFlags,
  runCommand,
  type StatusProcess,
  startCluster,
  type TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { roles } from '../integration/roles.ts';
import { atEndOfFile } from './shared.ts';
import {
  ask,
  eventsOf,
  pidsOf,
  startVersioned,
  type VersionedCluster,
} from './versioned-cluster.ts';

const stopTimeoutMs = 2_000;

const atEnd = atEndOfFile();
let shared: VersionedCluster;

beforeAll(async () => {
  shared = await startVersioned({
    run: `{ stopTimeoutMs: ${stopTimeoutMs}, readyTimeoutMs: 60_000 }`,
    // Little memory, for the successor that runs out of it.
    env: { NODE_OPTIONS: '--max-old-space-size=100' },
    gateways: 1,
    more: `import { existsSync } from 'node:fs';
const has = (name) => existsSync(new URL(name, import.meta.url));
new Worker({ name: 'web', async onWorkerStart() {
  if (has('./broken')) throw new Error('still broken');
  while (has('./slow')) await new Promise((resolve) => setTimeout(resolve, 20));
} });`,
    atEnd,
  });
});

function pidOf(processes: readonly StatusProcess[], key: string): number {
  const pid = pidsOf(processes)[key];
  if (pid === undefined) throw new Error(`there is no ${key}`);
  return pid;
}

/** One client of each business worker, with its pid. */
async function openOnBoth(): Promise<[pid: number, client: TestClient][]> {
  const byWorker = new Map<number, TestClient>();
  while (byWorker.size < 2) {
    const client = await shared.open();
    byWorker.set(Number((await ask(client)).split(' ')[1]), client);
  }
  return [...byWorker];
}

test('reload: replaces workers one by one while clients talk, keeps the others', async () => {
  const { cluster, command, open, write } = shared;
  const clients = await Promise.all([open(), open(), open(), open()]);
  const before = await cluster.status();
  for (const client of clients) expect(await ask(client)).toMatch(/^v1 \d+$/);

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
  for (const key of ['register#0', 'gate#0', 'start.js#0']) {
    expect(now[key]).toBe(old[key]);
  }
  expect(after.map(({ restarts }) => restarts)).toEqual(after.map(() => 0));
  expect(after).toHaveLength(before.length);
  expect(clients.every(({ isOpen }) => isOpen)).toBe(true);
  const workers = [now['brain#0'], now['brain#1']].map((pid) => `v2 ${pid}`);
  for (const client of clients) {
    // An answer of the old code may still arrive.
    const answer = await eventually(async () => {
      const text = await ask(client);
      return text.startsWith('v2') && text;
    });
    expect(workers).toContain(answer);
  }
});

test.each([
  [
    'has a syntax error',
    'export class Events {\n  onMessage( {',
    /events\.js cannot be imported: Unexpected end of input\n/,
  ],
  [
    'throws',
    eventsOf('v0', "onWorkerStart() { throw new Error('the database is down'); }"),
    /was not replaced: [\s\S]*the database is down[\s\S]*events\.js:\d+/,
  ],
  ['exits', 'process.exit(3);', /brain" #0 was not replaced: ended with exit code 3 before it/],
  [
    'has too little memory',
    'const all = [];\nfor (;;) all.push(new Array(1e6).fill(1.5));',
    /was not replaced: FATAL ERROR: .*memory/,
  ],
])('reload: new code that %s, the old processes keep running', async (_, events, message) => {
  const { cluster, command, open, write } = shared;
  const client = await open();
  const [version] = (await ask(client)).split(' ');
  const before = pidsOf(await cluster.status());
  await write(events);
  const reload = await command('reload');
  expect(reload).toMatchObject({ exitCode: 1, stdout: '' });
  expect(reload.stderr).toMatch(message);
  expect(reload.stderr).toMatch(/^business-worker "brain" #0 was not replaced: /);
  expect(reload.stderr).toMatch(
    /\nNothing was replaced: all processes keep running the old code\.\n$/,
  );
  expect(pidsOf(await cluster.status())).toEqual(before);
  expect((await ask(client)).split(' ')[0]).toBe(version);
});

test('reload: by SIGUSR1, the log has the result', async () => {
  const { cluster, open, write } = shared;
  const client = await open();
  await write(eventsOf('v3'));
  process.kill(cluster.pid, 'SIGUSR1');
  await eventually(async () => (await ask(client)).startsWith('v3'));
  await eventually(() => cluster.output().includes('"msg":"reloaded"'));
  await write('throw new Error("v4 is no good");');
  process.kill(cluster.pid, 'SIGUSR1');
  await eventually(() => cluster.output().includes('v4 is no good'));
  expect(cluster.output()).toContain('not reloaded: ');
  expect(await ask(client)).toMatch(/^v3 /);
});

test('reload: starts a worker that waits after crashes, and one that dies in between', async () => {
  const { cluster, folder, command, write } = shared;
  await write(eventsOf('v5'));
  const find = async (state: string) =>
    (await cluster.status()).find((row) => row.name === 'web' && row['state'] === state);
  const broken = await folder.write('broken', '');
  process.kill(pidOf(await cluster.status(), 'web#0'), 'SIGKILL');
  await eventually(() => (cluster.output().match(/restarting in \d+ ms/g)?.length ?? 0) >= 3);
  await rm(broken);
  const revived = await command('reload');
  expect(revived).toMatchObject({ exitCode: 0 });
  expect(revived.stdout).toMatch(/web #0: +(?:down|\d+) -> \d+, ready/);

  const slow = await folder.write('slow', '');
  onTestFinished(() => rm(slow, { force: true }));
  const reloading = command('reload');
  await eventually(() => find('starting'));
  process.kill(await eventually(async () => (await find('ready'))?.pid), 'SIGKILL');
  await eventually(async () => (await find('ready')) === undefined);
  await rm(slow);
  expect(await reloading).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/web #0: +down -> /),
  });
  expect(await find('ready')).toMatchObject({ lastExit: { code: null, signal: 'SIGKILL' } });
});

test('reload: kills a worker in an endless loop or a hung callback at its deadline', async () => {
  const { cluster, command, folder, open, write } = shared;
  const before = await cluster.status();
  const [[spinning, spinner] = [0], [hanging, hanger] = [0]] = await openOnBoth();
  spinner?.send('spin');
  hanger?.send('hang');
  await write(eventsOf('v7'));
  const reload = await command('reload');
  expect(reload).toMatchObject({ exitCode: 0, stderr: '' });
  expect(reload.stdout).toMatch(
    new RegExp(`brain #\\d: ${spinning} was killed: it did not finish in time\n`),
  );
  const log = await readFile(`${folder.path}/start.log`, 'utf8');
  // On a busy machine the stack may come too late: the table of status waits for it below.
  expect(log).toMatch(
    new RegExp(
      `(?:"stack":" {4}at spin \\([^"]*events\\.js:\\d+[^"]*",)?"msg":"killed: it did not stop within ${stopTimeoutMs} ms"`,
    ),
  );
  expect([spinning, hanging].filter(isAlive)).toEqual([]);
  expect(await cluster.status()).toHaveLength(before.length);
  expect(await ask(await open())).toMatch(/^v7 /);
});

test('status: shows the stack of a busy process, whose inspector is not public', async () => {
  const { cluster, command } = shared;
  const [[pid, client] = [0]] = await openOnBoth();
  client?.send('spin');
  await eventually(async () => {
    const row = (await cluster.status()).find((one) => one.pid === pid);
    return row?.['state'] === 'busy' && String(row['stack']).includes('at spin');
  });
  expect((await command('status')).stdout).toMatch(
    new RegExp(
      `\n\nbrain #\\d \\(${pid}\\) does not answer; it is\n {4}at spin \\(.*events\\.js:\\d+`,
    ),
  );
  expect(cluster.output()).not.toContain('Debugger');
  // Another user of the machine can find the port, but not the address behind it.
  process.kill(pidOf(await cluster.status(), 'gate#0'), 'SIGUSR1');
  const port = await eventually(
    () => /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(cluster.output())?.[1],
  );
  for (const path of ['/json', '/json/list', '/json/version']) {
    expect(await fetch(`http://127.0.0.1:${port}${path}`)).toMatchObject({ status: 404 });
  }
});

// The last test of the shared cluster. One worker is in an endless loop since the test before.
test('stop: ends a reload in progress, kills a busy process; a second reload waits', async () => {
  const { cluster, command, folder, write } = shared;
  await write(eventsOf('v8', 'onWorkerStart() { return new Promise(() => {}); }'));
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
  const log = await readFile(`${folder.path}/start.log`, 'utf8');
  expect(log.slice(log.lastIndexOf('"msg":"stopping"'))).toMatch(/"stack":" {4}at spin /);
});

test('reload: new code that is never ready, the error says where it hangs', async () => {
  const folder = await temporaryFolder('reload');
  onTestFinished(folder.dispose);
  const file = await folder.write(
    'start.js',
    `import { existsSync } from 'node:fs';
import { run, Worker } from 'gatewayworker';
function hang() {
  for (;;);
}
new Worker({ name: 'web', onWorkerStart() {
  if (existsSync(new URL('./hang', import.meta.url))) hang();
} });
run({ readyTimeoutMs: 6_000 });
`,
  );
  onTestFinished(() => endDaemon(`${folder.path}/start.pid`));
  const cluster = await startCluster({ file });
  onTestFinished(cluster.dispose);
  const before = pidsOf(await cluster.status());
  await folder.write('hang', '');
  const reload = await runCommand(file, ['reload']);
  expect(reload).toMatchObject({ exitCode: 1, stdout: '' });
  expect(reload.stderr).toMatch(
    /^worker "web" #0 was not replaced: it was not ready within 6000 ms\n {4}at hang \(.*start\.js:\d/,
  );
  expect(pidsOf(await cluster.status())).toEqual(before);
});

// A user of tsx sees the messages of the compiler, and lines of the source.
test('start --watch: reloads a saved source, keeps the old code if the new one fails', async () => {
  const front = await roles({ events: {}, workers: 0 });
  const folder = await temporaryFolder('watch');
  onTestFinished(folder.dispose);
  const write = (events: string) => folder.write('events.ts', events);
  await write(eventsOf('v1'));
  const file = await folder.write(
    'start.ts',
    `import { BusinessWorker, run } from 'gatewayworker';
const eventHandler = new URL('./events.ts', import.meta.url);
new BusinessWorker({ name: 'brain', eventHandler, registerAddress: '${front.registerAddress}' });
run({ readyTimeoutMs: 60_000 });
`,
  );
  // With the built packages, as users have them: their sources would take tsx a second more for each process.
  const flags = nodeFlags(file).filter((flag) => !flag.startsWith('--conditions='));
  const cluster = await startCluster({ file, flags, args: ['start', '--watch'] });
  onTestFinished(cluster.dispose);
  const client = await front.connect();
  await write("function load() {\n  throw new TypeError('a slip');\n}\nload();");
  await eventually(() => /a slip.*at load \(.*events\.ts:2/.test(cluster.output()));
  await write('export class Events {\n  onMessage( {');
  await eventually(() => /events\.ts:2:\d+: ERROR: Expected/.test(cluster.output()));
  expect(await ask(client)).toMatch(/^v1 /);
  await write(eventsOf('v2'));
  await eventually(async () => (await ask(client)).startsWith('v2'));
  expect(client.isOpen).toBe(true);
});
