import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  endDaemon,
  endProcess,
  eventually,
  isAlive,
  repositoryRoot,
  runCommand,
  type StatusProcess,
  skipReason,
  type TemporaryFolder,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const esm = `import { run, Worker } from 'gatewayworker';
new Worker({ name: 'timer' });
`;
const commonJs = `const { run, Worker } = require('gatewayworker');
new Worker({ name: 'timer' });
`;

/** Loads a start file as pm2 7 does in fork mode: it is what Node.js was started with. */
const wrapper = `
const url = require('url');
if (process.send) process.send({ node_version: process.versions.node });
const file = process.env.pm_exec_path;
if (file.endsWith('.cjs')) require('module')._load(file, null, true);
else import(url.pathToFileURL(file));
`;

async function createFolder(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder('start-file');
  onTestFinished(folder.dispose);
  return folder;
}

async function readStates(file: string): Promise<string[]> {
  const { stdout } = await runCommand(file, ['status', '--json']);
  const { processes }: { processes: StatusProcess[] } = JSON.parse(stdout);
  return processes.map(({ name, state }) => `${name} ${state}`);
}

test('run: finds the file that calls it, whatever Node.js was started with', async () => {
  const folder = await createFolder();
  await folder.write('wrapper.js', `await import('./app.js');`);
  await folder.write('app.js', `${esm}run();`);
  await folder.write('wrapper.cjs', `require('./common.cjs');`);
  await folder.write('common.cjs', `${commonJs}run();`);
  await folder.write('typed.ts', `${esm}run({} satisfies object);`);
  await folder.write(
    'lib/boot.js',
    `import { run } from 'gatewayworker';
export const boot = () => run();`,
  );
  await folder.write(
    'helped.js',
    `import { boot } from './lib/boot.js';
boot();`,
  );
  await folder.write(
    'late.js',
    `${esm}await null;
setTimeout(() => run(), 1);`,
  );
  await folder.write(
    'lib/given.js',
    `import { run } from 'gatewayworker';
run({ startFile: new URL('../given.js', import.meta.url).href });`,
  );
  await folder.write('given.js', `import './lib/given.js';`);
  await symlink(join(folder.path, 'app.js'), join(folder.path, 'linked.js'));
  const name = async (file: string) =>
    (await runCommand(join(folder.path, file), ['status'])).stderr;
  const expected = {
    'app.js': 'app.js',
    'wrapper.js': 'app.js',
    'wrapper.cjs': 'common.cjs',
    'common.cjs': 'common.cjs',
    'typed.ts': 'typed.ts',
    'helped.js': 'helped.js',
    'late.js': 'late.js',
    'given.js': 'given.js',
    'linked.js': 'linked.js',
    app: 'app.js',
  };
  for (const [typed, file] of Object.entries(expected)) {
    expect([typed, await name(typed)]).toEqual([typed, `${file} is not running\n`]);
  }
});

test('run: is found by its start file under a wrapper such as that of pm2', async () => {
  const folder = await createFolder();
  const main = await folder.write('pm2/wrapper.cjs', wrapper);
  const files = [
    await folder.write('one.js', `${esm}run();`),
    await folder.write('two.cjs', `${commonJs}run();`),
  ];
  for (const file of files) {
    const master = spawn(process.execPath, [main], {
      env: { ...process.env, pm_exec_path: file, pm_id: '0' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    onTestFinished(() => endProcess(master.pid ?? 0));
    const states = await eventually(() => readStates(file), { timeoutMs: 60_000 });
    expect(states[1]).toMatch(/^timer/);
    expect(await readFile(file.replace(/\.c?js$/, '.pid'), 'utf8')).toBe(`${master.pid}\n`);
    const ended = once(master, 'exit');
    expect(await runCommand(file, ['stop'])).toMatchObject({ exitCode: 0 });
    expect(await ended).toEqual([0, null]);
  }
  expect(await readdir(join(folder.path, 'pm2'))).toEqual(['wrapper.cjs']);

  const daemon = spawn(process.execPath, [main, 'start', '-d', '--wait', '50'], {
    env: { ...process.env, pm_exec_path: files[0], pm_id: '0' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const [text] = await once(daemon.stderr?.setEncoding('utf8') ?? daemon, 'data');
  expect(text).toBe('pm2 restarts a process that leaves the foreground: use start without -d\n');
});

test('run: refuses a worker of node:cluster in one sentence', async () => {
  const folder = await createFolder();
  const file = await folder.write('start.js', `${esm}run();`);
  const main = await folder.write(
    'main.js',
    `import cluster from 'node:cluster';
cluster.setupPrimary({ exec: ${JSON.stringify(file)}, args: ['start'] });
cluster.fork().on('exit', (code) => process.exit(code));`,
  );
  const { exitCode, stderr } = await runCommand(main, []);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /^run\(\) cannot run in a worker of node:cluster, such as in pm2's cluster mode[^\n]*\n$/,
  );
});

test('run: a release that is removed does not stop reloads and restarts', async () => {
  const folder = await createFolder();
  const release = (version: number) =>
    folder.write(
      `releases/${version}/start.js`,
      `import { run, Worker } from 'gatewayworker';
new Worker({ name: 'timer', onWorkerStart: ({ logger }) => logger.warn('release ${version}') });
run({ pidFile: '../../chat.pid', logFile: '../../chat.log' });
`,
    );
  await release(1);
  await release(2);
  const current = join(folder.path, 'current');
  const pidFile = join(folder.path, 'chat.pid');
  await symlink('releases/1', current);
  onTestFinished(() => endDaemon(pidFile));
  const file = join(current, 'start.js');
  const start = await runCommand(file, ['start', '-d', '--wait', '50'], { cwd: current });
  expect(start).toMatchObject({ exitCode: 0, stderr: '' });

  await unlink(current);
  await symlink('releases/2', current);
  await rm(join(folder.path, 'releases/1'), { recursive: true });
  const run = (args: string[]) => runCommand(file, args, { cwd: current });
  expect(await run(['reload'])).toMatchObject({ exitCode: 0, stderr: '' });
  const log = await readFile(join(folder.path, 'chat.log'), 'utf8');
  expect(log).toContain('release 1');
  expect(log).toContain('release 2');

  const killed = Number(await readFile(pidFile, 'utf8'));
  process.kill(killed, 'SIGKILL');
  await eventually(() => !isAlive(killed));
  expect(await run(['start', '-d', '--wait', '50'])).toMatchObject({ exitCode: 0 });
  const next = Number(await readFile(pidFile, 'utf8'));
  expect(next).not.toBe(killed);
  expect(await run(['status'])).toMatchObject({ exitCode: 0 });
  expect(await run(['stop'])).toMatchObject({ exitCode: 0 });
});

test('run: commands find the cluster after a build has emptied the output folder', async () => {
  const folder = await createFolder();
  const build = () => folder.write('dist/start.js', `${esm}run();`);
  const dist = join(folder.path, 'dist');
  const file = await build();
  onTestFinished(() => endDaemon(join(dist, 'start.pid')));
  expect(await runCommand(file, ['start', '-d', '--wait', '50'])).toMatchObject({ exitCode: 0 });
  const pid = Number(await readFile(join(dist, 'start.pid'), 'utf8'));

  await rm(dist, { recursive: true });
  await build();
  // A process that opens the log late creates another file than the one that the master has open.
  await folder.write('dist/start.log', '');
  // At once, as a script does that builds and reloads.
  expect(await runCommand(file, ['status'])).toMatchObject({ exitCode: 0, stderr: '' });
  await eventually(async () => (await readdir(dist)).length === 4, { timeoutMs: 30_000 });
  expect(await readFile(join(dist, 'start.pid'), 'utf8')).toBe(`${pid}\n`);
  expect(await readStates(file)).toEqual(['start.js ready', 'timer ready']);
  expect(await runCommand(file, ['reload'])).toMatchObject({ exitCode: 0 });
  expect(await runCommand(file, ['stop'])).toMatchObject({ stdout: `Stopped (pid ${pid}).\n` });
  expect(await readFile(join(dist, 'start.log'), 'utf8')).toContain('"reloaded"');
  expect((await readdir(dist)).toSorted()).toEqual(['start.js', 'start.log']);
});

const whyNoPm2 = skipReason('pm2');

test.skipIf(whyNoPm2 !== '')(`pm2: runs two start files and restarts one${whyNoPm2}`, async () => {
  const folder = await createFolder();
  // The daemon's sockets need a short path.
  const home = join(repositoryRoot, 'test/.tmp', `pm2-${process.pid}`);
  await mkdir(home, { recursive: true });
  const pm2 = async (...args: string[]) => {
    const child = spawn('pm2', args, {
      env: { ...process.env, PM2_HOME: home },
      stdio: 'ignore',
    });
    const [code] = await once(child, 'exit');
    return code;
  };
  onTestFinished(async () => {
    await pm2('kill');
    await rm(home, { recursive: true });
  });
  const one = await folder.write('one.js', `${esm}run();`);
  const two = await folder.write('two.cjs', `${commonJs}run();`);
  expect(await pm2('start', one, '--name', 'one')).toBe(0);
  expect(await pm2('start', two, '--name', 'two', '--', 'start')).toBe(0);
  for (const file of [one, two]) {
    const states = await eventually(() => readStates(file), { timeoutMs: 60_000 });
    expect(states[1]).toMatch(/^timer/);
  }
  const pid = await readFile(join(folder.path, 'one.pid'), 'utf8');
  expect(await pm2('restart', 'one')).toBe(0);
  await eventually(async () => (await readFile(join(folder.path, 'one.pid'), 'utf8')) !== pid, {
    timeoutMs: 60_000,
  });
  expect(await pm2('delete', 'all')).toBe(0);
  for (const file of [one, two]) {
    expect((await runCommand(file, ['status'])).exitCode).toBe(1);
  }
});
