import { spawn } from 'node:child_process';
import { readFile, rename, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { requestStatus } from '@gatewayworker/supervisor';
import {
  endDaemon,
  eventually,
  isAlive,
  nodeFlags,
  runCommand,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const loud = `
import { run, Worker } from 'gatewayworker';
new Worker({
  name: 'loud',
  onWorkerStart({ logger }) {
    process.on('SIGUSR2', () => {
      console.log('printed');
      console.error('printed as an error');
      logger.info('logged');
    });
  },
});
run();
`;

async function writeStartFile(content: string, name = 'start.js') {
  const folder = await temporaryFolder('operations');
  onTestFinished(folder.dispose);
  const file = await folder.write(name, content);
  onTestFinished(() => endDaemon(`${folder.path}/start.pid`));
  return { file, folder, path: (name: string) => `${folder.path}/${name}` };
}

async function pidIn(path: string): Promise<number> {
  return Number(await readFile(path, 'utf8'));
}

/** Moves the log away; checks that every process opens another one, and that `output` has what is printed. */
async function expectLogReopened(
  path: (name: string) => string,
  output: () => string | Promise<string>,
): Promise<void> {
  const master = await pidIn(path('start.pid'));
  await rename(path('start.log'), path('start.log.1'));
  const { size } = await stat(path('start.log.1'));
  process.kill(master, 'SIGHUP');
  await eventually(() => readFile(path('start.log'), 'utf8'));
  const [, worker] = (await requestStatus(path('start.pid')))?.processes ?? [];
  if (!worker?.pid) throw new Error('the status shows no worker');
  process.kill(worker.pid, 'SIGUSR2');
  const log = await eventually(async () => {
    const text = await readFile(path('start.log'), 'utf8');
    return text.includes('"msg":"logged"') && text;
  });
  expect(log).toContain('"msg":"reopened the log file"');
  await eventually(async () => /^printed\n[\s\S]*^printed as an error\n/m.test(await output()));
  expect((await stat(path('start.log.1'))).size).toBe(size);
}

test('restart: ends the cluster and starts it again; SIGHUP reopens the log', async () => {
  const { file, path } = await writeStartFile(loud);
  const elsewhere = { cwd: tmpdir() };
  const first = await runCommand(file, ['restart', '-d', '--wait', '50'], elsewhere);
  expect(first).toMatchObject({ exitCode: 0, stderr: '' });
  expect(first.stdout).toMatch(/^start\.js is not running\.\ngatewayworker /);
  await expectLogReopened(path, () => readFile(path('start.log'), 'utf8'));
  const before = await pidIn(path('start.pid'));
  const again = await runCommand(file, ['restart', '-d', '--wait', '50', '-g'], elsewhere);
  expect(again).toMatchObject({ exitCode: 0, stderr: '' });
  expect(again.stdout).toMatch(new RegExp(`^Stopped \\(pid ${before}\\)\\.\ngatewayworker `));
  expect(again.stdout).toContain('Running in the background.');
  const now = await pidIn(path('start.pid'));
  expect(now).not.toBe(before);
  expect(isAlive(before)).toBe(false);
  const here = await startCluster({ file, args: ['restart'] });
  onTestFinished(here.dispose);
  expect(isAlive(now)).toBe(false);
  expect(await pidIn(path('start.pid'))).toBe(here.pid);
  expect(await here.stop()).toBe(0);
});

test('foreground: SIGHUP, a start file that fails to restart, status --watch', async () => {
  const { file, folder, path } = await writeStartFile(loud);
  const cluster = await startCluster({ file });
  onTestFinished(cluster.dispose);
  await expectLogReopened(path, cluster.output);

  await folder.write('start.js', "import { run } from 'gatewayworker';\nrun();\n");
  const restart = await runCommand(file, ['restart', '-d', '--wait', '50']);
  expect(restart).toMatchObject({ exitCode: 1, stdout: '' });
  expect(restart.stderr).toContain('declares nothing to start');
  expect(await cluster.status()).toHaveLength(2);
  await folder.write('start.js', loud);

  // It prints each second until Ctrl+C, or until the cluster ends.
  const [watch, other] = [watchStatus(file), watchStatus(file)];
  await eventually(() => watch.lines().length >= 2 && other.lines().length >= 1);
  for (const line of watch.lines().slice(0, 2)) {
    expect(JSON.parse(line).processes).toHaveLength(2);
  }
  watch.child.kill('SIGINT');
  expect(await watch.exitCode).toBe(0);
  await cluster.stop();
  expect(await other.exitCode).toBe(1);
});

test.each([
  { args: ['start'], name: 'start.js' },
  { args: ['start', '-d'], name: 'start.js' },
  { args: ['status'], name: 'start.js' },
  { args: ['start'], name: 'start.ts' },
])('start file: throws, $args exits with 1 and shows the line, $name', async ({ args, name }) => {
  const { file } = await writeStartFile(
    "function load() {\n  throw new Error('no settings');\n}\nload();\n",
    name,
  );
  const command = await runCommand(file, args);
  expect(command).toMatchObject({ exitCode: 1, stdout: '' });
  expect(command.stderr).toMatch(/Error: no settings\n {4}at load \(.*start\.[jt]s:2/);
});

test.each([
  { args: ['start'], name: 'start.js' },
  { args: ['start', '-d'], name: 'start.js' },
  { args: ['start'], name: 'start.ts' },
])('start file: throws in its processes, $args exits with 1, $name', async ({ args, name }) => {
  const { file } = await writeStartFile(
    `
import { run, Worker } from 'gatewayworker';
new Worker({ name: 'web' });
if (process.argv[2] === 'worker') throw new TypeError('no settings');
run();
`,
    name,
  );
  // The built packages load faster than their sources.
  const flags = nodeFlags(file).filter((flag) => !flag.startsWith('--conditions'));
  const command = await runCommand(file, args, { flags });
  expect(command.exitCode).toBe(1);
  expect(command.stderr).toContain('worker "web" #0 could not start: TypeError: no settings\n');
  expect(command.stderr).toMatch(/start\.[jt]s:4:\d+/);
});

test('commands: report that no process runs after kill -9 of a foreground master', async () => {
  const { file, path } = await writeStartFile(loud);
  const killed = await startCluster({ file, args: ['start', '--watch'] });
  onTestFinished(killed.dispose);
  const pids = (await killed.status()).map(({ pid }) => pid);
  await killed.killMaster();
  await eventually(() => !pids.some(isAlive));
  expect((await stat(path('start.run/master.sock'))).isSocket()).toBe(true);
  for (const args of [
    ['status'],
    ['health'],
    ['reload'],
    ['connections'],
    ['drain'],
    ['stop', '-g'],
  ]) {
    const command = await runCommand(file, args);
    expect(command).toMatchObject({ exitCode: 1, stdout: '' });
    expect(command.stderr).toMatch(
      /^start\.js is not running( \(removed stale pid file .*start\.pid \(pid \d+\)\))?\n$/,
    );
  }
  expect(await runCommand(file, ['start', '-d', '--wait', '50'])).toMatchObject({
    exitCode: 0,
    stderr: '',
  });
});

function watchStatus(file: string) {
  const args = [...nodeFlags(file), file, 'status', '--json', '--watch'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  const exitCode = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, exitCode, lines: () => text.split('\n').slice(0, -1) };
}
