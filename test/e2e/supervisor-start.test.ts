import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { requestStatus } from '@gatewayworker/supervisor';
import {
  endDaemon,
  freePorts,
  runCommand,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

async function writeStartFile(declarations: string, runOptions = '{}'): Promise<string> {
  const folder = await temporaryFolder('supervisor-start');
  onTestFinished(folder.dispose);
  onTestFinished(() => endDaemon(`${folder.path}/start.pid`));
  return await folder.write(
    'start.js',
    `import { createServer } from 'node:http';
import { BusinessWorker, Gateway, Register, run, Worker } from 'gatewayworker';
${declarations}
run(${runOptions});
`,
  );
}

/** The pid file that `run()` uses by default. */
function pidFileOf(file: string): string {
  return file.replace(/\.js$/, '.pid');
}

async function occupyPort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return port;
}

const commands = [{ args: ['start'] }, { args: ['start', '-d'] }];

test.each(commands)('$args: fails with the error of a worker that throws', async ({ args }) => {
  const file = await writeStartFile(`
new Worker({ name: 'broken', onWorkerStart() { throw new Error('the database is down'); } });
`);
  const start = await runCommand(file, args);
  expect(start).toMatchObject({ exitCode: 1 });
  expect(start.stderr).toMatch(
    /^worker "broken" #0 could not start: the database is down\n {4}at .*start\.js:\d+/,
  );
  expect(await requestStatus(pidFileOf(file))).toBe(undefined);
});

test('start: fails in one line when a worker listens on a used port', async () => {
  const port = await occupyPort();
  const file = await writeStartFile(`
new Worker({ name: 'web', onWorkerStart: () => void createServer().listen(${port}, '127.0.0.1') });
`);
  const start = await runCommand(file, ['start']);
  expect(start).toMatchObject({ exitCode: 1 });
  expect(start.stderr).toMatch(/^worker "web" #0 could not start: [^\n]*EADDRINUSE[^\n]*\n$/);
  expect(start.stderr).toContain(`127.0.0.1:${port}`);
  expect(start.stdout).not.toContain('[ok]');
});

test.each(commands)(
  '$args: fails with the declaration and the port when a port is in use',
  async ({ args }) => {
    const port = await occupyPort();
    const file = await writeStartFile(`new Register({ listen: '127.0.0.1:${port}' });`);
    const start = await runCommand(file, args);
    expect(start).toMatchObject({ exitCode: 1 });
    expect(start.stderr).toMatch(/^register "register" #0 could not start: [^\n]*\n$/);
    expect(start.stderr).toContain(String(port));
  },
);

test('start: refuses two declarations with one port before it starts any', async () => {
  const [port = 0, innerPort = 0] = await freePorts(2);
  const file = await writeStartFile(`
new Gateway({ name: 'one', listen: 'websocket://0.0.0.0:${port}', startPort: ${innerPort} });
new Gateway({ name: 'two', listen: 'websocket://127.0.0.1:${port}', startPort: 0 });
`);
  const start = await runCommand(file, ['start']);
  expect(start).toMatchObject({ exitCode: 1, stdout: '' });
  expect(start.stderr).toBe(
    `option Gateway.listen is "websocket://127.0.0.1:${port}"; port ${port} of Gateway "two" is also that of Gateway "one" (Gateway.listen)\n`,
  );
});

test.each([
  ['rejects', "return Promise.reject(new Error('no'))", 'no'],
  ['exits', 'process.exit(3)', 'ended with exit code 3 before it was ready'],
  ['is killed', "process.kill(process.pid, 'SIGKILL')", 'ended by SIGKILL before it was ready'],
])('start: fails when onWorkerStart %s', async (_, statement, reason) => {
  const file = await writeStartFile(`
new Worker({ name: 'broken', onWorkerStart: () => { ${statement}; return new Promise(() => {}); } });
`);
  const start = await runCommand(file, ['start']);
  expect(start.exitCode).toBe(1);
  expect(start.stderr).toContain(`worker "broken" #0 could not start: ${reason}\n`);
});

test('start: stops the processes that run when a later one fails', async () => {
  const file = await writeStartFile(`
new Worker({ name: 'well', onWorkerStop: () => void process.stdout.write('well: stopped\\n') });
new Worker({ name: 'broken', onWorkerStart: async (worker) => {
  await new Promise((resolve) => setTimeout(resolve, 300));
  throw new Error('too late');
} });
`);
  const start = await runCommand(file, ['start']);
  expect(start.exitCode).toBe(1);
  expect(start.stderr).toContain('worker "broken" #0 could not start: too late');
  expect(start.stdout).toContain('well: stopped\n');
});

test('start: refuses a start file that declares something else in its processes', async () => {
  const file = await writeStartFile(`
new Worker({ name: process.argv[2] === 'start' ? 'chameleon' : 'other' });
`);
  const start = await runCommand(file, ['start']);
  expect(start.exitCode).toBe(1);
  expect(start.stderr).toContain('must declare the same processes each time it runs');
});

test('start -d: exits 1 with the reason when a process is not ready in time', async () => {
  const file = await writeStartFile(
    `
new Worker({ name: 'slow', count: 2, onWorkerStart: ({ id }) => id === 0 ? undefined : new Promise(() => {}) });
new Worker({ name: 'quick' });
`,
    '{ readyTimeoutMs: 5_000 }',
  );
  const start = await runCommand(file, ['start', '-d']);
  expect(start).toMatchObject({
    exitCode: 1,
    stderr: 'Not all processes are ready:\nslow#1: it is starting; onWorkerStart has not settled\n',
  });
  expect(start.stdout).toMatch(/worker +slow +2 +\[starting 1\/2\]\n/);
  expect(start.stdout).toMatch(/worker +quick +1 +\[ok\]\n/);
  const states = (await requestStatus(pidFileOf(file)))?.processes.map(({ state }) => state);
  expect(states).toEqual(['ready', 'ready', 'starting', 'ready']);
});

test('start, status, health: a gateway with a wrong secretKey is not ready', async () => {
  const [registerPort = 0, gatePort = 0, startPort = 0] = await freePorts(3);
  const folder = await temporaryFolder('supervisor-start');
  onTestFinished(folder.dispose);
  onTestFinished(() => endDaemon(`${folder.path}/start.pid`));
  await folder.write('events.js', 'export class Events { onMessage() {} }');
  const file = await folder.write(
    'start.js',
    `import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';
const registerAddress = '127.0.0.1:${registerPort}';
new Register({ listen: registerAddress, secretKey: 'a' });
new Gateway({ name: 'gate', listen: 'websocket://127.0.0.1:${gatePort}', startPort: ${startPort}, registerAddress, secretKey: 'b' });
new BusinessWorker({ name: 'brain', eventHandler: new URL('./events.js', import.meta.url), registerAddress, secretKey: 'a' });
run();
`,
  );
  // Long enough for the gateway to start on a busy machine.
  const start = await runCommand(file, ['start', '-d', '--wait', '5']);
  const refused = `no register is linked: the register at 127.0.0.1:${registerPort} cannot be linked: The secretKey differs from that of the peer`;
  expect(start.exitCode).toBe(1);
  expect(start.stdout).toMatch(/gateway +gate +1 .*\[unready 0\/1\]\n/);
  expect(start.stdout).toMatch(/register +register +1 .*\[ok\]\n/);
  expect(start.stderr).toContain('Not all processes are ready:\ngate#0: ');
  expect(start.stderr).toContain(refused);

  const status = await runCommand(file, ['status']);
  expect(status.stdout).toMatch(/gate .*\[unready\]\n/);
  expect(status.stdout).toMatch(new RegExp(`\\n\\ngate#0: .*${refused}\\n`));
  const report = await requestStatus(pidFileOf(file));
  const gate = report?.processes.find(({ name }) => name === 'gate');
  expect(gate).toMatchObject({ state: 'unready', reasons: expect.arrayContaining([refused]) });
  const health = await runCommand(file, ['health', 'gate', '--ready', '--json']);
  expect(health.exitCode).toBe(1);
  expect(JSON.parse(health.stdout).processes[0].reasons).toEqual(gate?.reasons);
});

test('start: roles in their order, with the compiled events of a compiled start file', async () => {
  const [registerPort = 0, innerPort = 0, port = 0] = await freePorts(3);
  const file = await writeStartFile(`
const registerAddress = '127.0.0.1:${registerPort}';
new Worker({ onWorkerStart: () => void process.stdout.write('started: worker\\n') });
new BusinessWorker({ eventHandler: new URL('./events.ts', import.meta.url), registerAddress });
new Gateway({ listen: 'websocket://127.0.0.1:${port}', startPort: ${innerPort}, registerAddress });
new Register({ listen: registerAddress });
`);
  const failed = await runCommand(file, ['start']);
  const folder = dirname(file);
  expect(failed).toMatchObject({ exitCode: 1 });
  expect(failed.stderr).toContain(`neither ${folder}/events.ts nor ${folder}/events.js exists`);
  await writeFile(
    `${folder}/events.js`,
    "export class Events { onWorkerStart() { process.stdout.write('started: events\\n'); } }",
  );
  const cluster = await startCluster({ file });
  onTestFinished(cluster.dispose);
  const lines = cluster.output().match(/^started: .*$/gm);
  expect(lines).toEqual(['started: events', 'started: worker']);
  expect(cluster.output()).toContain(`websocket://127.0.0.1:${port}  [ok]`);
  const processes = await cluster.status();
  const register = processes.find(({ role }) => role === 'register');
  const pids = ['register', 'gateway', 'business-worker', 'worker'].map(
    (role) => processes.find((figures) => figures.role === role)?.pid ?? 0,
  );
  expect(register).toMatchObject({ listen: `127.0.0.1:${registerPort}`, state: 'ready' });
  expect([...pids].sort((a, b) => a - b)).toEqual(pids);
});
