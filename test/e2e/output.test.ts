import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { requestStatus } from '@gatewayworker/supervisor';
import {
  type Cluster,
  endProcess,
  eventually,
  freePorts,
  nodeFlags,
  openClient,
  runCommand,
  skipReason,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const start = `
import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';
const { REGISTER_PORT, GATEWAY_PORT, INNER_PORT, LOG_FILE, PID_FILE } = process.env;
const registerAddress = '127.0.0.1:' + REGISTER_PORT;
new Register({ listen: registerAddress });
new Gateway({
  name: 'gate', listen: 'websocket://127.0.0.1:' + GATEWAY_PORT, startPort: Number(INNER_PORT), registerAddress,
});
new BusinessWorker({ name: 'talker', eventHandler: new URL('./events.js', import.meta.url), registerAddress });
run({ logFile: LOG_FILE, ...(PID_FILE && { pidFile: PID_FILE }) });
`;

const events = `
let logger;
const line = 'x'.repeat(1_000);
export class Events {
  onWorkerStart(worker) { logger = worker.logger; }
  onMessage(clientId, message, ctx) {
    const [what, count] = message.split(' ');
    for (let n = 0; n < Number(count); n += 1) {
      if (what === 'log') logger.info(line);
      if (what === 'print') console.log(line);
      if (what === 'printError') console.error(line);
      if (what === 'reject') void Promise.reject(new Error(line));
      if (what === 'hostile') void Promise.reject({ get message() { throw new Error('no'); }, toJSON() { throw new Error('no'); } });
    }
    ctx.send(process.pid + ' ' + message);
  }
}
`;

async function writeApplication(logFile?: string) {
  const folder = await temporaryFolder('output');
  onTestFinished(folder.dispose);
  await folder.write('events.js', events);
  const file = await folder.write('start.js', start);
  const [registerPort, gatewayPort = 0, innerPort] = await freePorts(3);
  const env = {
    REGISTER_PORT: String(registerPort),
    GATEWAY_PORT: String(gatewayPort),
    INNER_PORT: String(innerPort),
    LOG_FILE: logFile ?? join(folder.path, 'start.log'),
  };
  return { folder, file, env, gatewayPort };
}

/** A pipe that is read only by calls of `read`. */
function stalledPipe(folder: string, name: string) {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  const reader = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  const writer = fs.openSync(path, fs.constants.O_WRONLY);
  onTestFinished(() => fs.closeSync(reader));
  const buffer = Buffer.alloc(65_536);
  let text = '';
  const read = (): string => {
    try {
      for (;;) text += buffer.toString('utf8', 0, fs.readSync(reader, buffer));
    } catch {
      return text;
    }
  };
  return { writer, read };
}

test('output: stalled readers delay no client, restart, status or stop', async () => {
  const { folder, file, env, gatewayPort } = await writeApplication();
  const stdout = stalledPipe(folder.path, 'stdout');
  const stderr = stalledPipe(folder.path, 'stderr');
  const master = spawn(process.execPath, [...nodeFlags(file), file, 'start'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout.writer, stderr.writer],
  });
  fs.closeSync(stdout.writer);
  fs.closeSync(stderr.writer);
  const { pid = 0 } = master;
  onTestFinished(() => endProcess(pid));
  const status = async () => (await requestStatus(join(folder.path, 'start.pid')))?.processes ?? [];
  const talker = async () => (await status()).find(({ name }) => name === 'talker');
  await eventually(async () => (await talker())?.state === 'ready', { timeoutMs: 50_000 });
  const client = await openClient(gatewayPort);
  const ask = async (message: string): Promise<string> => {
    client.send(message);
    return String(await client.next());
  };
  for (const message of ['log 2000', 'print 2000', 'printError 2000']) {
    expect(await ask(message)).toMatch(new RegExp(` ${message}$`));
  }
  const before = Number((await ask('who')).split(' ')[0]);
  // The error output of a worker passes through its master, whose own output stalls.
  process.kill(before, 'SIGKILL');
  await eventually(async () => {
    const row = await talker();
    return row?.state === 'ready' && row.pid !== before;
  });
  const after = Number((await ask('log 3000')).split(' ')[0]);
  expect(after).not.toBe(before);
  const rows = await status();
  expect(rows.find(({ name }) => name === 'talker')?.droppedLines).toBeGreaterThan(1_000);
  expect(rows.map(({ droppedLines }) => typeof droppedLines)).toEqual(rows.map(() => 'number'));

  const notices = () =>
    stdout
      .read()
      .split('\n')
      .filter((line) => line.includes('"output lines dropped"'))
      .map((line): Record<string, unknown> => JSON.parse(line))
      .filter((line) => line['name'] === 'talker');
  await eventually(() => notices().length > 0);
  expect(await ask('log 10')).toBe(`${after} log 10`);
  expect(notices()).toHaveLength(1);
  expect(notices()[0]).toMatchObject({ output: 'stdout', dropped: (await talker())?.droppedLines });

  // The readers stall again during the stop.
  for (const message of ['log 3000', 'printError 2000']) await ask(message);
  process.kill(pid, 'SIGTERM');
  await eventually(() => master.exitCode !== null, { timeoutMs: 15_000 });
  expect(master.exitCode).toBe(0);
});

async function talkTo(port: number) {
  const client = await openClient(port);
  return async (message: string): Promise<string> => {
    client.send(message);
    return String(await client.next());
  };
}

function cpuTicks(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

async function startOn(
  logFile: string,
): Promise<{ cluster: Cluster } & Awaited<ReturnType<typeof writeApplication>>> {
  const application = await writeApplication(logFile);
  const cluster = await startCluster(application);
  onTestFinished(cluster.dispose);
  return { cluster, ...application };
}

test('output: a log file on a full disk loses its lines and nothing else', async () => {
  const { cluster, gatewayPort } = await startOn('/dev/full');
  const ask = await talkTo(gatewayPort);
  const rowOf = async (name: string) => (await cluster.status()).find((row) => row.name === name);
  const pid = (await rowOf('talker'))?.pid ?? 0;
  for (const message of ['reject 5', 'hostile 2', 'log 3000']) {
    expect(await ask(message)).toBe(`${pid} ${message}`);
  }
  expect((await rowOf('talker'))?.['droppedLines']).toBeGreaterThan(1_000);
  // A loop of errors about errors would use a whole processor.
  const ticks = cpuTicks(pid);
  const since = performance.now();
  for (let n = 0; n < 20; n += 1) await ask('reject 1');
  expect((cpuTicks(pid) - ticks) * 10).toBeLessThan(performance.now() - since + 500);
  process.kill(pid, 'SIGKILL');
  await eventually(async () => {
    const row = await rowOf('talker');
    return row?.['state'] === 'ready' && row.pid !== pid;
  });
  expect(await ask('log 1')).toMatch(/ log 1$/);
  expect(await cluster.stop()).toBe(0);
});

test('commands: exit with 141 without a reader; restart needs a writable log', async () => {
  const { cluster, folder, file, env, gatewayPort } = await startOn('/dev/stdout');
  for (const command of [
    'status',
    'status --json',
    'status --watch',
    'connections --json',
    '--help',
  ]) {
    const script = `"$0" "$1" ${command} | true; echo "\${PIPESTATUS[0]}"`;
    const answer = spawnSync('bash', ['-c', script, process.execPath, file], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
    expect([command, answer.stdout, answer.stderr]).toEqual([command, '141\n', '']);
  }
  // With /dev/stdout as its log file, a cluster prints each line once.
  const announced = cluster.output().split('"msg":"gateway announced"').length - 1;
  expect(announced).toBe(1);

  // A restart that could not write the log or the pid file stops nothing.
  const ask = await talkTo(gatewayPort);
  for (const paths of [{ LOG_FILE: folder.path }, { PID_FILE: '/dev/null' }]) {
    const refused = await runCommand(file, ['restart', '-d'], { env: { ...env, ...paths } });
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain('it cannot be written');
    expect(await ask('log 1')).toMatch(/ log 1$/);
  }
});

test('start: a log file that cannot be written is refused with the reason', async () => {
  const { folder, file, env } = await writeApplication();
  const fifo = join(folder.path, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const refused = async (logFile: string): Promise<string> => {
    const command = { env: { ...env, LOG_FILE: logFile } };
    const { exitCode, stdout, stderr } = await runCommand(file, ['start'], command);
    expect([exitCode, stdout]).toEqual([1, '']);
    return stderr;
  };
  const allowed = 'Allowed: pidFile and logFile in folders that this user can write\n';
  const cases = [
    [folder.path, 'it is a directory'],
    [fifo, 'no process reads it'],
    [join(file, 'log'), 'a part of the path is a file'],
    ['/proc/x/y/log', 'a folder of the path cannot be created'],
  ] as const;
  for (const [path, why] of cases) {
    expect(await refused(path)).toBe(
      `option run.logFile is "${path}"; it cannot be written: ${why}. ${allowed}`,
    );
  }
});

const noMounts = skipReason('tmpfs');

test.skipIf(noMounts)(
  `start: pidFile or logFile in a read-only folder is refused${noMounts}`,
  async () => {
    const { folder, file, env } = await writeApplication();
    // Root ignores file modes, but not a read-only mount, in a namespace that ends with the command.
    const mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"';
    const { LOG_FILE: _, ...byDefault } = { ...process.env, ...env };
    const start = (command: readonly string[], more: NodeJS.ProcessEnv = {}) => {
      const line = ['sh', '-c', mount, 'sh', folder.path, process.execPath, file, ...command];
      return spawnSync('unshare', ['--mount', ...line], {
        encoding: 'utf8',
        env: { ...byDefault, ...more },
      });
    };
    const refused = (option: 'logFile' | 'pidFile', name: string) => ({
      status: 1,
      stdout: '',
      stderr: `option run.${option} is "${join(folder.path, name)}"; it cannot be written: the file system is read-only. Allowed: pidFile and logFile in folders that this user can write\n`,
    });
    for (const command of [['start'], ['start', '-d']]) {
      expect(start(command)).toMatchObject(refused('logFile', 'start.log'));
      const elsewhere = { LOG_FILE: '/dev/null' };
      expect(start(command, elsewhere)).toMatchObject(refused('pidFile', 'start.pid'));
    }
    expect(fs.readdirSync(folder.path).sort()).toEqual(['events.js', 'start.js']);
  },
);

/** Fills every block of a file system that becomes free, until it gets a line. */
const filler = `
const fs = require('node:fs');
const path = process.argv[1] + '/filler';
const file = fs.openSync(path, 'w');
const fill = () => { try { for (;;) fs.writeSync(file, Buffer.alloc(4096)); } catch { process.stdout.write('full'); } };
fill();
const timer = setInterval(fill, 1);
process.stdin.once('data', () => { clearInterval(timer); fs.rmSync(path); fs.closeSync(file); });
`;

/** A full file system in memory on `folder`, seen by commands in its namespace, not by this process. */
async function fullDisk(folder: string) {
  const mount = 'mount -t tmpfs -o size=2m tmpfs "$1" && exec "$2" -e "$3" "$1"';
  const args = ['--mount', 'sh', '-c', mount, 'sh', folder, process.execPath, filler];
  const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const { pid = 0 } = holder;
  onTestFinished(() => endProcess(pid));
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  holder.stdout.resume();
  return {
    run(command: readonly string[], env: NodeJS.ProcessEnv) {
      const line = ['--mount', '--target', String(pid), process.execPath, ...command];
      const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const;
      return spawnSync('nsenter', line, { ...options, timeout: 60_000 });
    },
    makeRoom: () => holder.stdin.write('\n'),
    /** A path of it, as this process sees it. */
    pathOf: (name: string) => join(`/proc/${pid}/root`, folder, name),
  };
}

test.skipIf(noMounts)(`start, restart: work on a full disk${noMounts}`, async () => {
  const { folder, file, env, gatewayPort } = await writeApplication();
  const files = join(folder.path, 'files');
  fs.mkdirSync(files);
  const disk = await fullDisk(files);
  const paths = { LOG_FILE: join(files, 'start.log'), PID_FILE: join(files, 'start.pid') };
  const run = (...command: string[]) => {
    const { status, stdout, stderr } = disk.run([file, ...command], { ...env, ...paths });
    const [, pid] = /, master (\d+)\n/.exec(stdout) ?? [];
    if (pid !== undefined) onTestFinished(() => endProcess(Number(pid)));
    return { status, stdout, stderr };
  };
  const started = {
    status: 0,
    stdout: expect.stringContaining('Running in the background'),
    stderr: expect.stringMatching(
      /^the pid file cannot be written \(ENOSPC: .*\); commands work without it\.\n$/,
    ),
  };
  expect(run('start', '-d')).toMatchObject(started);
  expect(await (await talkTo(gatewayPort))('log 1')).toMatch(/ log 1$/);
  const restarted = run('restart', '-d');
  expect(restarted).toMatchObject(started);
  expect(restarted.stdout).toMatch(/^Stopped \(pid \d+\)\.\n/);
  expect(await (await talkTo(gatewayPort))('log 2')).toMatch(/ log 2$/);
  expect(fs.existsSync(disk.pathOf('start.pid'))).toBe(false);
  disk.makeRoom();
  await eventually(() => fs.existsSync(disk.pathOf('start.pid')));
  expect(run('stop')).toMatchObject({ status: 0, stderr: '' });
  expect(fs.readdirSync(disk.pathOf(''))).toEqual(['start.log']);
});
