import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import {
  endDaemon,
  runCommand,
  type StatusProcess,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const twoWorkers = `
import { run, Worker } from 'gatewayworker';
new Worker({ name: 'web', count: 2 });
new Worker({ name: 'timer' });
run();
`;

async function writeStartFile(
  content: string,
): Promise<{ file: string; path(name: string): string }> {
  const folder = await temporaryFolder('command-line');
  onTestFinished(folder.dispose);
  const file = await folder.write('start.js', content);
  onTestFinished(() => endDaemon(`${folder.path}/start.pid`));
  return { file, path: (name) => `${folder.path}/${name}` };
}

async function isPresent(path: string): Promise<boolean> {
  return await readFile(path).then(
    () => true,
    () => false,
  );
}

test('runs in the foreground: start prints a table, status shows every process, stop ends it', async () => {
  const { file, path } = await writeStartFile(twoWorkers);
  const cluster = await startCluster({ file });
  onTestFinished(cluster.dispose);
  expect(cluster.output()).toMatch(/role +name +processes +listening +state\n/);
  expect(cluster.output()).toMatch(/worker +web +2 +\[ok\]\n/);
  expect(cluster.output()).toMatch(/worker +timer +1 +\[ok\]\n/);
  expect(await readFile(path('start.pid'), 'utf8')).toBe(`${cluster.pid}\n`);

  const { stdout } = await runCommand(file, ['status', '--json']);
  const { processes }: { processes: StatusProcess[] } = JSON.parse(stdout);
  expect(processes.map(({ role, name, id, state }) => [role, name, id, state])).toEqual([
    ['master', 'start.js', 0, 'ready'],
    ['worker', 'web', 0, 'ready'],
    ['worker', 'web', 1, 'ready'],
    ['worker', 'timer', 0, 'ready'],
  ]);
  expect(processes[0]?.pid).toBe(cluster.pid);
  expect(new Set(processes.map(({ pid }) => pid)).size).toBe(4);
  for (const figures of processes) {
    expect(figures).toMatchObject({ listen: '', restarts: 0, lastExit: null, failedSends: 0 });
    expect(figures['memory']).toBeGreaterThan(10_000_000);
    expect(figures['uptimeSeconds']).toBeGreaterThan(0);
  }

  const table = await runCommand(file, ['status']);
  expect(table.stdout).toMatch(/pid +role +name +id +listening/);
  expect(table.stdout.match(/\[ok\]/g)).toHaveLength(4);

  const stop = await runCommand(file, ['stop']);
  expect(stop).toMatchObject({
    exitCode: 0,
    stdout: `Stopped (pid ${cluster.pid}).\n`,
    stderr: '',
  });
  expect(await cluster.ended()).toEqual({ code: 0, signal: null });
  expect(await isPresent(path('start.pid'))).toBe(false);
  await expect(stat(path('start.run'))).rejects.toThrow('ENOENT');
});

test('runs as a daemon that can be driven from any directory', async () => {
  const { file, path } = await writeStartFile(twoWorkers);
  const elsewhere = { cwd: tmpdir() };
  const start = await runCommand(file, ['start', '-d', '--wait', '50'], elsewhere);
  expect(start.stderr).toBe('');
  expect(start.exitCode).toBe(0);
  expect(start.stdout).toMatch(/worker +web +2 +\[ok\]\n/);
  expect(start.stdout).toContain(`To stop it: ${process.execPath} ${file} stop\n`);
  const pid = Number(await readFile(path('start.pid'), 'utf8'));
  expect(start.stdout).toContain(`master ${pid}`);

  const status = await runCommand(file, ['status', '--json'], elsewhere);
  expect(Object.keys(JSON.parse(status.stdout))).toEqual(['processes']);
  expect(JSON.parse(status.stdout).processes[0]).toMatchObject({ pid, role: 'master' });

  expect(await runCommand(file, ['stop'], elsewhere)).toMatchObject({ exitCode: 0 });
  expect(await isPresent(path('start.pid'))).toBe(false);
  const log = (await readFile(path('start.log'), 'utf8')).trim().split('\n');
  const messages = log.map((line) => JSON.parse(line).msg);
  expect(messages).toEqual(['started', 'stopping', 'stopped']);
});

test('keeps what a daemon prints in the log file', async () => {
  const { file, path } = await writeStartFile(`
import { run, Worker } from 'gatewayworker';
new Worker({ name: 'loud', onWorkerStart: () => void process.stdout.write('hello from a worker\\n') });
run();
`);
  await runCommand(file, ['start', '-d', '--wait', '50']);
  expect(await readFile(path('start.log'), 'utf8')).toContain('hello from a worker\n');
});

test('says that it is already running, for start and start -d', async () => {
  const { file } = await writeStartFile(twoWorkers);
  const cluster = await startCluster({ file });
  onTestFinished(cluster.dispose);
  const stderr = `already running (pid ${cluster.pid}): use reload, restart or stop\n`;
  const refusal = { exitCode: 1, stdout: '', stderr };
  expect(await runCommand(file, ['start'])).toEqual(refusal);
  expect(await runCommand(file, ['start', '-d'])).toEqual(refusal);
  expect(await cluster.status()).toHaveLength(4);
});

test.each(['nothing', 'a killed master'])(
  'lets only one of two starts at the same time go on after %s',
  async (before) => {
    const { file } = await writeStartFile(twoWorkers);
    if (before === 'a killed master') {
      const killed = await startCluster({ file });
      onTestFinished(killed.dispose);
      await killed.killMaster();
    }
    const starts = await Promise.all([
      runCommand(file, ['start', '-d', '--wait', '50']),
      runCommand(file, ['start', '-d', '--wait', '50']),
    ]);
    expect(starts.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1]);
    expect(starts.find(({ exitCode }) => exitCode === 1)?.stderr).toMatch(
      /already running|another process starts it/,
    );
    expect(await runCommand(file, ['stop'])).toMatchObject({ exitCode: 0 });
  },
);

test.each(['stop', 'reload', 'status', 'health', 'connections', 'drain'])(
  'says that nothing runs, for %s',
  async (command) => {
    const { file } = await writeStartFile(twoWorkers);
    expect(await runCommand(file, [command])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'start.js is not running\n',
    });
  },
);

test('cleans up after a master that was killed, and says so', async () => {
  const { file, path } = await writeStartFile(twoWorkers);
  const killed = await startCluster({ file });
  onTestFinished(killed.dispose);
  await killed.killMaster();
  expect(await isPresent(path('start.pid'))).toBe(true);
  const again = await startCluster({ file });
  onTestFinished(again.dispose);
  expect(again.output()).toContain(`start.pid, which process ${killed.pid} had left behind.\n`);
  expect((await again.status())[0]?.pid).toBe(again.pid);
});

test('does not take another program that has got the pid for its master', async () => {
  const { file, path } = await writeStartFile(twoWorkers);
  await writeFile(path('start.pid'), `${process.pid}\n`);
  const stop = await runCommand(file, ['stop']);
  expect(stop.exitCode).toBe(1);
  expect(stop.stderr).toMatch(
    /^start\.js is not running \(removed .*start\.pid, which process \d+/,
  );
  expect(await isPresent(path('start.pid'))).toBe(false);
});

test.each([
  [
    [],
    /^A command is missing\. Did you mean start\?\n\n {2}\S+ \S+start\.js start +start everything/,
  ],
  [['explode'], /unknown command 'explode'[\s\S]*Usage: \S+ \S+start\.js/],
  [['start', '--fast'], /unknown option '--fast'[\s\S]*Usage: \S+ \S+start\.js start/],
  [['start', 'now'], /too many arguments[\s\S]*Usage: \S+ \S+start\.js start/],
])('answers %j with the usage on stderr and exit code 2', async (args, stderr) => {
  const { file } = await writeStartFile(twoWorkers);
  const command = await runCommand(file, args);
  expect(command).toMatchObject({ exitCode: 2, stdout: '' });
  expect(command.stderr).toMatch(stderr);
});

test('prints help and version on stdout', async () => {
  const { file } = await writeStartFile(twoWorkers);
  const help = await runCommand(file, ['--help']);
  expect(help).toMatchObject({ exitCode: 0, stderr: '' });
  expect(help.stdout).toMatch(
    /Usage: \S+ \S+start\.js[\s\S]*start[\s\S]*stop[\s\S]*restart[\s\S]*reload[\s\S]*status[\s\S]*health[\s\S]*connections[\s\S]*drain[\s\S]*Exit codes: 0 done/,
  );
  const version = await runCommand(file, ['--version']);
  expect(version).toMatchObject({ exitCode: 0, stderr: '' });
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('refuses a misspelt option, whatever the command, naming the one that was meant', async () => {
  const { file } = await writeStartFile(`
import { run, Worker } from 'gatewayworker';
new Worker({ name: 'web', cuont: 2 });
run();
`);
  const start = await runCommand(file, ['start']);
  expect(start.exitCode).toBe(1);
  expect(start.stderr).toContain(
    'option Worker.cuont is 2; there is no such option; did you mean count?',
  );
});

test('refuses to start nothing', async () => {
  const { file, path } = await writeStartFile("import { run } from 'gatewayworker';\nrun();\n");
  const start = await runCommand(file, ['start']);
  expect(start).toMatchObject({ exitCode: 1, stdout: '' });
  expect(start.stderr).toContain('start.js declares nothing to start');
  expect(await isPresent(path('start.log'))).toBe(false);
});

test('refuses a declaration after run, which would never start', async () => {
  const { file } = await writeStartFile(`
import { run, Worker } from 'gatewayworker';
run();
new Worker({ name: 'late' });
`);
  const start = await runCommand(file, ['start']);
  expect(start.exitCode).toBe(1);
  expect(start.stderr).toContain('worker "late" was declared after run()');
});

test('puts the pid and log file where run() says', async () => {
  const { file, path } = await writeStartFile(`
import { run, Worker } from 'gatewayworker';
const folder = process.env['CLUSTER_FOLDER'];
new Worker({ name: 'web' });
run({ pidFile: folder + '/run/chat.pid', logFile: folder + '/log/chat.log' });
`);
  const env = { CLUSTER_FOLDER: path('var') };
  const cluster = await startCluster({ file, env });
  onTestFinished(cluster.dispose);
  expect(await readFile(path('var/run/chat.pid'), 'utf8')).toBe(`${cluster.pid}\n`);
  const { stdout } = await runCommand(file, ['status', '--json'], { env });
  expect(JSON.parse(stdout).processes).toHaveLength(2);
  expect(await cluster.stop()).toBe(0);
  expect(await readFile(path('var/log/chat.log'), 'utf8')).toContain('"msg":"stopped"');
  expect(await isPresent(path('start.log'))).toBe(false);
});

test('opens its control socket to its own user only', async () => {
  const { file, path } = await writeStartFile(twoWorkers);
  const cluster = await startCluster({ file });
  onTestFinished(cluster.dispose);
  expect((await stat(path('start.run/master.sock'))).mode & 0o777).toBe(0o600);
});

test.runIf(process.geteuid?.() === 0)(
  'run directory: one of another user is refused by start and status',
  async () => {
    const { file, path } = await writeStartFile(twoWorkers);
    await mkdir(path('start.run'));
    await chown(path('start.run'), 65_534, 65_534);
    const stderr = `the run directory ${path('start.run')} belongs to another user (uid 65534, this is uid 0): run the command as the user who started the cluster, or set pidFile of run()\n`;
    const refusal = { exitCode: 1, stdout: '', stderr };
    expect(await runCommand(file, ['status'])).toEqual(refusal);
    expect(await runCommand(file, ['start', '-d'])).toEqual(refusal);
    expect(await runCommand(file, ['start'])).toMatchObject({ exitCode: 1, stderr });
    expect(await isPresent(path('start.pid'))).toBe(false);
  },
);

test('can be driven in a folder whose path is too long for a unix socket', async () => {
  const folder = await temporaryFolder('command-line');
  onTestFinished(folder.dispose);
  const file = await folder.write(`${'deep/'.repeat(20)}start.js`, twoWorkers);
  const cluster = await startCluster({ file });
  onTestFinished(cluster.dispose);
  expect(await cluster.status()).toHaveLength(4);
  expect(await runCommand(file, ['stop'])).toMatchObject({ exitCode: 0 });
  expect(await cluster.ended()).toEqual({ code: 0, signal: null });
});
