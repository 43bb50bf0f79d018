import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import {
  type Cluster,
  endDaemon,
  runCommand,
  type StatusProcess,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { atEndOfFile } from './shared.ts';

const twoWorkers = `
import { run, Worker } from 'gatewayworker';
new Worker({ name: 'web', count: 2 });
new Worker({ name: 'timer' });
run();
`;

const oneWorker = `
import { run, Worker } from 'gatewayworker';
new Worker({ name: 'web' });
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

const atEnd = atEndOfFile();
let cluster: Cluster;
let file: string;
let env: Record<string, string>;
/** The folder of the pid file and the log, which has a path too long for a unix socket. */
let deepFolder: string;

beforeAll(async () => {
  const folder = await temporaryFolder('command-line');
  atEnd(folder.dispose);
  deepFolder = `${folder.path}/${'deep/'.repeat(20)}`;
  env = { CLUSTER_FOLDER: deepFolder };
  file = await folder.write(
    'start.js',
    twoWorkers.replace(
      'run();',
      `const folder = process.env['CLUSTER_FOLDER'];
run({ pidFile: folder + 'run/chat.pid', logFile: folder + 'log/chat.log' });`,
    ),
  );
  cluster = await startCluster({ file, env, pidFile: `${deepFolder}run/chat.pid` });
  atEnd(cluster.dispose);
});

test('start: prints a table, and uses the pid file and the log file of run()', async () => {
  expect(cluster.output()).toMatch(/role +name +processes +listening +state\n/);
  expect(cluster.output()).toMatch(/worker +web +2 +\[ok\]\n/);
  expect(cluster.output()).toMatch(/worker +timer +1 +\[ok\]\n/);
  expect(await readFile(`${deepFolder}run/chat.pid`, 'utf8')).toBe(`${cluster.pid}\n`);
  expect(await isPresent(file.replace('.js', '.log'))).toBe(false);
});

test('status: shows every process, as JSON and as a table', async () => {
  const { stdout } = await runCommand(file, ['status', '--json'], { env });
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
  const table = await runCommand(file, ['status'], { env });
  expect(table.stdout).toMatch(/pid +role +name +id +listening/);
  expect(table.stdout.match(/\[ok\]/g)).toHaveLength(4);
});

test('start, start -d: refused while the cluster runs', async () => {
  const stderr = `already running (pid ${cluster.pid}): use reload, restart or stop\n`;
  const refusal = { exitCode: 1, stdout: '', stderr };
  expect(await runCommand(file, ['start'], { env })).toEqual(refusal);
  expect(await runCommand(file, ['start', '-d'], { env })).toEqual(refusal);
  expect(await cluster.status()).toHaveLength(4);
});

// The last test of the shared cluster.
test('stop: ends a foreground cluster and removes its files', async () => {
  expect(await runCommand(file, ['stop'], { env })).toMatchObject({
    exitCode: 0,
    stdout: `Stopped (pid ${cluster.pid}).\n`,
    stderr: '',
  });
  expect(await cluster.ended()).toEqual({ code: 0, signal: null });
  expect(await isPresent(`${deepFolder}run/chat.pid`)).toBe(false);
  await expect(stat(`${deepFolder}run/chat.run`)).rejects.toThrow('ENOENT');
  expect(await readFile(`${deepFolder}log/chat.log`, 'utf8')).toContain('"msg":"stopped"');
});

test('start -d: of two at a time one succeeds; commands work from any directory', async () => {
  const { file, path } = await writeStartFile(`
import { run, Worker } from 'gatewayworker';
new Worker({ name: 'web', onWorkerStart: () => {
  // The assignment of a child is not passed on to programs that it runs.
  const names = Object.keys(process.env).filter((name) => name.startsWith('GATEWAYWORKER'));
  process.stdout.write('variables: ' + names + '.\\n');
} });
run();
`);
  // A folder that does not contain the start file: below one that does, commands print a relative path.
  const folder = await temporaryFolder('elsewhere');
  onTestFinished(folder.dispose);
  const elsewhere = { cwd: folder.path };
  const starts = await Promise.all([
    runCommand(file, ['start', '-d', '--wait', '50'], elsewhere),
    runCommand(file, ['start', '-d', '--wait', '50'], elsewhere),
  ]);
  const start = starts.find(({ exitCode }) => exitCode === 0);
  const refused = starts.find((each) => each !== start);
  expect(refused?.exitCode).toBe(1);
  expect(refused?.stderr).toMatch(/already running|another start of this cluster is in progress/);
  expect(start?.stderr).toBe('');
  expect(start?.stdout).toMatch(/worker +web +1 +\[ok\]\n/);
  expect(start?.stdout).toContain(`To stop it: ${process.execPath} ${file} stop\n`);
  const pid = Number(await readFile(path('start.pid'), 'utf8'));
  expect(start?.stdout).toContain(`master ${pid}`);

  // Only its own user may send commands.
  expect((await stat(path('start.run/master.sock'))).mode & 0o777).toBe(0o600);

  const status = await runCommand(file, ['status', '--json'], elsewhere);
  expect(Object.keys(JSON.parse(status.stdout))).toEqual(['processes']);
  expect(JSON.parse(status.stdout).processes[0]).toMatchObject({ pid, role: 'master' });

  expect(await runCommand(file, ['stop'], elsewhere)).toMatchObject({ exitCode: 0 });
  expect(await isPresent(path('start.pid'))).toBe(false);
  const log = (await readFile(path('start.log'), 'utf8')).trim().split('\n');
  const messages = log.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line).msg);
  expect(messages).toEqual(['started', 'stopping', 'stopped']);
  const given = Object.keys(process.env).filter((name) => name.startsWith('GATEWAYWORKER'));
  expect(log).toContain(`variables: ${given}.`);
});

test('start after kill -9 of a foreground master: one of two succeeds and cleans up', async () => {
  const { file, path } = await writeStartFile(oneWorker);
  const killed = await startCluster({ file });
  onTestFinished(killed.dispose);
  await killed.killMaster();
  expect(await isPresent(path('start.pid'))).toBe(true);
  const starts = await Promise.all([
    runCommand(file, ['start', '-d', '--wait', '50']),
    runCommand(file, ['start', '-d', '--wait', '50']),
  ]);
  expect(starts.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1]);
  expect(starts.find(({ exitCode }) => exitCode === 1)?.stderr).toMatch(
    /already running|another start of this cluster is in progress/,
  );
  expect(starts.map(({ stdout, stderr }) => stdout + stderr).join('')).toContain(
    `start.pid (pid ${killed.pid})`,
  );
  expect(await runCommand(file, ['stop'])).toMatchObject({ exitCode: 0 });
});

test('stop: a pid file that names another program is removed, the program lives', async () => {
  const { file, path } = await writeStartFile(twoWorkers);
  await writeFile(path('start.pid'), `${process.pid}\n`);
  const stop = await runCommand(file, ['stop']);
  expect(stop.exitCode).toBe(1);
  expect(stop.stderr).toMatch(
    /^start\.js is not running \(removed stale pid file .*start\.pid \(pid \d+\)\)/,
  );
  expect(await isPresent(path('start.pid'))).toBe(false);
});

test.each([
  [
    [],
    /^A command is missing\. Did you mean start\?\n\n {2}\S+ \S+start\.js start +start all processes/,
  ],
  [['explode'], /unknown command 'explode'[\s\S]*Usage: \S+ \S+start\.js/],
  [['start', '--fast'], /unknown option '--fast'[\s\S]*Usage: \S+ \S+start\.js start/],
  [['start', '-d', '--watch'], /option '-d, --daemon' cannot be used with option '--watch'/],
  [['start', 'now'], /too many arguments[\s\S]*Usage: \S+ \S+start\.js start/],
])('wrong usage %j: the usage on stderr, exit code 2', async (args, stderr) => {
  const { file } = await writeStartFile(twoWorkers);
  const command = await runCommand(file, args);
  expect(command).toMatchObject({ exitCode: 2, stdout: '' });
  expect(command.stderr).toMatch(stderr);
});

test('--help, --version: on stdout', async () => {
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

test.each([
  [
    'a misspelt option, with the one that was meant',
    "import { run, Worker } from 'gatewayworker';\nnew Worker({ name: 'web', cuont: 2 });\nrun();\n",
    'option Worker.cuont is 2; there is no such option; did you mean count?',
  ],
  [
    'a start file without declarations',
    "import { run } from 'gatewayworker';\nrun();\n",
    'start.js declares nothing to start',
  ],
  [
    'a declaration after run(), which would never start',
    "import { run, Worker } from 'gatewayworker';\nrun();\nnew Worker({ name: 'late' });\n",
    'worker "late" was declared after run()',
  ],
  [
    'a wrong value of an option, with its code',
    "import { Gateway, run } from 'gatewayworker';\nnew Gateway({ listen: 'udp://127.0.0.1:1', registerAddress: '127.0.0.1:2' });\nrun();\n",
    /Gateway\.listen is "udp:.*"; allowed: [\s\S]*GW_ERR_OPTION_INVALID/,
  ],
])('start: refuses %s', async (_, content, reason) => {
  const { file, path } = await writeStartFile(content);
  const start = await runCommand(file, ['start']);
  expect(start).toMatchObject({ exitCode: 1, stdout: '' });
  expect(start.stderr).toMatch(reason);
  expect(await isPresent(path('start.log'))).toBe(false);
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
