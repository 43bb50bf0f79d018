import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  eventually,
  isAlive,
  openTcpPeer,
  runCommand,
  skipReason,
  type TcpPeer,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { type EveryRow, everyRowFile, startEveryRow } from './fixtures/every-row/every-row.ts';

const skipped = skipReason('prlimit');

/** Longest wait for what a timer of a second does on a busy machine. */
const patiently = { timeoutMs: 30_000, intervalMs: 50 };

interface Line {
  readonly time: string;
  readonly pid: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

function logOf(row: EveryRow, msg: string): Line[] {
  const lines = readFileSync(row.logFile, 'utf8').trimEnd().split('\n');
  return lines.map((line): Line => JSON.parse(line)).filter((line) => line.msg === msg);
}

function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Such as 54: a limit below it is below what is open. */
function highestDescriptor(pid: number): number {
  return Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number));
}

/** The limit of open files below which so many descriptors are free. */
function limitWithFree(pid: number, free: number): number {
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let [limit, left] = [0, free];
  for (; left > 0 || open.has(limit); limit += 1) if (!open.has(limit)) left -= 1;
  return limit;
}

/** Runs a command of the start file. */
function command(row: EveryRow, ...args: string[]): ReturnType<typeof runCommand> {
  const env = { RUN_FOLDER: dirname(row.logFile), REGISTER_PORT: '1' };
  return runCommand(everyRowFile, args, { env });
}

/** Sets the soft limit of open files of a process. */
function setLimit(pid: number, limit: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`]);
}

/** Asks for a websocket; it stays open where it is let in. */
function knock(port: number): Promise<'open' | 'closed' | number> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/`);
  onTestFinished(() => websocket.terminate());
  return new Promise((resolve) => {
    websocket.on('open', () => resolve('open'));
    websocket.on('error', () => resolve('closed'));
    websocket.on('unexpected-response', (_request, { statusCode = 0 }) => resolve(statusCode));
  });
}

test.skipIf(skipped !== '')(
  `gateway: out of descriptors, refuses clients, reports, and recovers${skipped}`,
  async () => {
    const row = await startEveryRow([
      { scheme: 'websocket', name: 'full', count: 1 },
      { scheme: 'text', name: 'texts', count: 1 },
    ]);
    onTestFinished(() => row.dispose());
    const [port = 0, textPort = 0] = row.ports;
    const { client } = await row.open();
    const echo = async (text: string) => {
      client.send(text);
      expect(await client.next()).toBe(text);
    };
    const gateways = await row.processes('gateway');
    const startedAt = Date.now();
    for (const { pid } of gateways) setLimit(pid, openDescriptors(pid) + 10);

    const answers = await Promise.all(Array.from({ length: 60 }, () => knock(port)));
    const count = (answer: unknown) => answers.filter((one) => one === answer).length;
    // `closed` where the answers of the reserve are taken.
    expect(count('open')).toBeGreaterThan(0);
    expect(count('open')).toBeLessThanOrEqual(10);
    expect(count(503)).toBeGreaterThan(0);
    expect(count('open') + count(503) + count('closed')).toBe(60);
    await echo('under the limit');

    // The other protocol has no answer: one connection after another is closed.
    const peers = await Promise.all(Array.from({ length: 30 }, () => openTcpPeer(textPort)));
    onTestFinished(() => {
      for (const peer of peers) peer.destroy();
    });
    let closed = 0;
    for (const peer of peers) void peer.ended.then(() => closed++);
    await eventually(() => closed >= 20);
    await eventually(async () => (await row.limit('texts', 'descriptors')) > 0);

    const after = await row.processes('gateway');
    expect(after.map(({ pid }) => pid)).toEqual(gateways.map(({ pid }) => pid));
    for (const { memory } of after) expect(memory).toBeGreaterThan(1_000_000);
    expect(await row.limit('full', 'descriptors')).toBeGreaterThanOrEqual(count(503));
    const health = await command(row, 'health', '--ready');
    expect(health.exitCode).toBe(1);
    expect(health.stdout).toContain('too many open files: new clients are refused');
    expect((await command(row, 'connections')).stdout).toContain('127.0.0.1');

    // Lowered below what is open, and raised again.
    for (const { pid } of gateways) setLimit(pid, highestDescriptor(pid) - 4);
    expect(await knock(port)).not.toBe('open');
    await echo('below what is open');
    for (const { pid } of gateways) setLimit(pid, 4096);
    await eventually(async () => (await knock(port)) === 'open', patiently);
    await eventually(async () => {
      const peer = await openTcpPeer(textPort);
      onTestFinished(() => peer.destroy());
      await echo('meanwhile');
      return peer.received.length > 0;
    }, patiently);
    await echo('with a new limit');

    // The master cannot make a process, and keeps trying.
    const { pid: master } = row.cluster;
    const [worker] = await row.processes('business-worker');
    setLimit(master, 12);
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    await eventually(
      () => readFileSync(row.logFile, 'utf8').includes('EMFILE; restarting'),
      patiently,
    );
    await echo('without one worker');
    setLimit(master, 4096);
    await eventually(async () => {
      const workers = await row.processes('business-worker');
      return workers.every((one) => one['state'] === 'ready' && one.pid !== worker?.pid);
    }, patiently);
    expect(isAlive(master)).toBe(true);

    const lines = logOf(row, 'too many open files').filter(({ pid }) => pid === gateways[0]?.pid);
    const seconds = (Date.now() - startedAt) / 1_000;
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    expect(lines[0]).toMatchObject({
      code: 'EMFILE',
      limit: expect.any(Number),
      hint: expect.stringContaining('ulimit -n'),
    });
    expect(logOf(row, 'there are free file descriptors again').length).toBeGreaterThan(0);
  },
);

test.skipIf(skipped !== '')(
  `master: out of descriptors, restarts a worker with those of its reserve${skipped}`,
  async () => {
    const row = await startEveryRow([{ scheme: 'websocket', name: 'gate', count: 1 }]);
    onTestFinished(() => row.dispose());
    const { pid: master } = row.cluster;
    const [worker] = await row.processes('business-worker');
    setLimit(master, limitWithFree(master, 1));
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    // The log is read, because a command makes the master look at its descriptors too.
    await eventually(() => logOf(row, 'ready again').length > 0, patiently);
    expect(readFileSync(row.logFile, 'utf8')).not.toContain('could not be made');
    const lines = logOf(row, 'too many open files').filter(({ pid }) => pid === master);
    expect(lines[0]).toMatchObject({ code: 'EMFILE', hint: expect.stringContaining('ulimit -n') });
    setLimit(master, 4096);
    const recovered = () => logOf(row, 'there are free file descriptors again');
    await eventually(() => recovered().some(({ pid }) => pid === master), patiently);
  },
);

/** Opens connections that say nothing; answers how many the other side has closed. */
async function openSilent(port: number, count: number): Promise<{ closed(): number; end(): void }> {
  const peers: TcpPeer[] = [];
  let closed = 0;
  for (let opened = 0; opened < count; opened += 1) {
    const peer = await openTcpPeer(port);
    peers.push(peer);
    void peer.ended.then(() => closed++);
  }
  const end = () => {
    for (const peer of peers) peer.destroy();
  };
  onTestFinished(end);
  return { closed: () => closed, end };
}

test.skipIf(skipped !== '')(
  `register: out of descriptors, refuses links, is not ready, and recovers${skipped}`,
  async () => {
    const row = await startEveryRow([{ scheme: 'websocket', name: 'gate', count: 1 }]);
    onTestFinished(() => row.dispose());
    const { client } = await row.open();
    const register = async () => (await row.processes('register'))[0];
    const { pid = 0 } = (await register()) ?? {};
    setLimit(pid, openDescriptors(pid) + 10);

    // A stranger may say nothing for some seconds: these have all descriptors but those of the reserve.
    const strangers = await openSilent(Number(row.registerAddress.split(':')[1]), 60);
    await eventually(() => strangers.closed() >= 40);
    const health = await command(row, 'health', '--ready');
    expect(health.exitCode).toBe(1);
    expect(health.stdout).toContain('too many open files: new links are refused');
    expect(await register()).toMatchObject({
      pid,
      state: 'unready',
      reasons: ['too many open files: new links are refused'],
    });
    client.send('linked before');
    expect(await client.next()).toBe('linked before');

    strangers.end();
    await eventually(async () => (await register())?.['state'] === 'ready', patiently);
    expect((await command(row, 'health', '--ready')).exitCode).toBe(0);
    const api = await row.connectApi();
    expect(await api.getAllClientIdCount()).toBe(1);
    await api.close();
    expect(Reflect.get(Object((await register())?.['limits']), 'descriptors')).toBeGreaterThan(0);
  },
);
