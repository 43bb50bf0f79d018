import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import {
  type Cluster,
  eventually,
  freePorts,
  isAlive,
  openClient,
  openTcpPeer,
  runCommand,
  type StatusProcess,
  skipReason,
  startCluster,
  type TcpPeer,
  type TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { GatewayClient } from 'gatewayworker';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { atEndOfFile } from './shared.ts';

const skipped = skipReason('prlimit');

const start = `
import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';
const [registerPort, port, textPort] = JSON.parse(process.env['PORTS']);
const registerAddress = '127.0.0.1:' + registerPort;
const common = { startPort: 0, registerAddress };
new Register({ listen: registerAddress });
new Gateway({ name: 'full', listen: 'websocket://127.0.0.1:' + port, ...common });
new Gateway({ name: 'texts', listen: 'text://127.0.0.1:' + textPort, ...common });
const eventHandler = new URL('./events.js', import.meta.url);
new BusinessWorker({ name: 'echo', count: 2, eventHandler, registerAddress });
run({ readyTimeoutMs: 50_000 });
`;

const events = `
export class Events {
  onConnect(clientId, ctx) { ctx.send('hello'); }
  onMessage(clientId, message, ctx) { ctx.send(message); }
}
`;

/** A register, a gateway for websockets, one for lines of text, and two workers that echo. */
interface EchoCluster {
  readonly cluster: Cluster;
  readonly ports: readonly number[];
  readonly logFile: string;
  command(...args: string[]): ReturnType<typeof runCommand>;
  processes(role: string): Promise<StatusProcess[]>;
}

const atEnd = atEndOfFile();
let echo: EchoCluster;

beforeAll(async () => {
  if (skipped !== '') return;
  const folder = await temporaryFolder('descriptors');
  atEnd(folder.dispose);
  await folder.write('events.js', events);
  const file = await folder.write('start.js', start);
  const ports = await freePorts(3);
  const env = { PORTS: JSON.stringify(ports) };
  const cluster = await startCluster({ file, env });
  atEnd(cluster.dispose);
  echo = {
    cluster,
    ports,
    logFile: `${folder.path}/start.log`,
    command: (...args) => runCommand(file, args, { env }),
    processes: async (role) => (await cluster.status()).filter((row) => row.role === role),
  };
});

/** Opens a client that a worker has greeted. */
async function open(): Promise<TestClient> {
  const client = await openClient(echo.ports[1] ?? 0);
  onTestFinished(() => client.terminate());
  expect(await client.next()).toBe('hello');
  return client;
}

/** How often a process has run out of descriptors. */
function exhaustions(row: StatusProcess | undefined): number {
  return Number(Reflect.get(Object(row?.['limits']), 'descriptors'));
}

interface Line {
  readonly pid: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

function logOf(pid: number, msg: string): Line[] {
  const lines = readFileSync(echo.logFile, 'utf8').trimEnd().split('\n');
  return lines
    .map((line): Line => JSON.parse(line))
    .filter((line) => line.pid === pid && line.msg === msg);
}

function descriptorsOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/fd`).map(Number);
}

/** The limit of open files below which a number of descriptors is free. */
function limitWithFree(pid: number, free: number): number {
  const open = new Set(descriptorsOf(pid));
  let [limit, left] = [0, free];
  for (; left > 0 || open.has(limit); limit += 1) if (!open.has(limit)) left -= 1;
  return limit;
}

/** Sets the soft limit of open files of a process. */
function setLimit(pid: number, limit: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`]);
}

/** Asks for a websocket, which stays open if it is admitted. */
function knock(port: number): Promise<'open' | 'closed' | number> {
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/`);
  onTestFinished(() => websocket.terminate());
  return new Promise((resolve) => {
    websocket.on('open', () => resolve('open'));
    websocket.on('error', () => resolve('closed'));
    websocket.on('unexpected-response', (_request, { statusCode = 0 }) => resolve(statusCode));
  });
}

/** Keeps a number of connections that send nothing: one that is closed is replaced. */
async function keepSilent(port: number, count: number): Promise<{ closed(): number; end(): void }> {
  const peers = new Set<TcpPeer>();
  let closed = 0;
  const open = async (): Promise<void> => {
    const peer = await openTcpPeer(port);
    peers.add(peer);
    void peer.ended.then(() => {
      peers.delete(peer);
      closed += 1;
    });
  };
  for (let opened = 0; opened < count; opened += 1) await open();
  const timer = setInterval(() => {
    if (peers.size < count) void open().catch(() => undefined);
  }, 20);
  const end = () => {
    clearInterval(timer);
    for (const peer of peers) peer.destroy();
  };
  onTestFinished(end);
  return { closed: () => closed, end };
}

test.skipIf(skipped !== '')(
  `register: out of descriptors, refuses links, is not ready, and recovers${skipped}`,
  async () => {
    const client = await open();
    const [registerPort = 0] = echo.ports;
    const register = async () => (await echo.processes('register'))[0];
    const { pid = 0 } = (await register()) ?? {};
    setLimit(pid, descriptorsOf(pid).length + 10);

    // A stranger may be silent for 5 s: these take all descriptors but those of the reserve.
    const strangers = await keepSilent(registerPort, 60);
    await eventually(() => strangers.closed() >= 40);
    const health = await echo.command('health', '--ready');
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
    await eventually(async () => (await register())?.['state'] === 'ready');
    expect((await echo.command('health', '--ready')).exitCode).toBe(0);
    const api = await GatewayClient.connect({ registerAddress: `127.0.0.1:${registerPort}` });
    expect(await api.getAllClientIdCount()).toBe(1);
    await api.close();
    expect(exhaustions(await register())).toBeGreaterThan(0);
    setLimit(pid, 4096);
  },
);

test.skipIf(skipped !== '')(
  `master: out of descriptors, restarts a worker with those of its reserve${skipped}`,
  async () => {
    const { pid: master } = echo.cluster;
    const [worker] = await echo.processes('business-worker');
    setLimit(master, limitWithFree(master, 1));
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    // Reads the log, because a command makes the master check its descriptors, too.
    await eventually(() => logOf(master, 'ready again').length > 0);
    expect(readFileSync(echo.logFile, 'utf8')).not.toContain('could not be made');
    const [line] = logOf(master, 'too many open files');
    expect(line).toMatchObject({ code: 'EMFILE', hint: expect.stringContaining('ulimit -n') });
    setLimit(master, 4096);
    await eventually(() => logOf(master, 'file descriptors are free again').length > 0);
  },
);

test.skipIf(skipped !== '')(
  `gateway: out of descriptors, refuses clients, reports, and recovers${skipped}`,
  async () => {
    const [, port = 0, textPort = 0] = echo.ports;
    const client = await open();
    const expectEcho = async (text: string) => {
      client.send(text);
      expect(await client.next()).toBe(text);
    };
    const gateways = await echo.processes('gateway');
    const find = async (name: string) =>
      (await echo.processes('gateway')).find((row) => row.name === name);
    const startedAt = Date.now();
    for (const { pid } of gateways) setLimit(pid, descriptorsOf(pid).length + 10);

    const answers = await Promise.all(Array.from({ length: 60 }, () => knock(port)));
    const count = (answer: unknown) => answers.filter((one) => one === answer).length;
    // `closed` when all sockets of the reserve are in use for other answers.
    expect(count('open')).toBeGreaterThan(0);
    expect(count('open')).toBeLessThanOrEqual(10);
    expect(count(503)).toBeGreaterThan(0);
    expect(count('open') + count(503) + count('closed')).toBe(60);
    await expectEcho('under the limit');

    // The text protocol has no refusal: the gateway closes one connection after another.
    const silent = await keepSilent(textPort, 30);
    await eventually(() => silent.closed() >= 20);
    await eventually(async () => exhaustions(await find('texts')) > 0);
    silent.end();

    const after = await echo.processes('gateway');
    expect(after.map(({ pid }) => pid)).toEqual(gateways.map(({ pid }) => pid));
    for (const { memory } of after) expect(memory).toBeGreaterThan(1_000_000);
    expect(exhaustions(await find('full'))).toBeGreaterThanOrEqual(count(503));
    const health = await echo.command('health', '--ready');
    expect(health.exitCode).toBe(1);
    expect(health.stdout).toContain('too many open files: new clients are refused');
    expect((await echo.command('connections')).stdout).toContain('127.0.0.1');

    // Lowered below the number of open descriptors, and raised again.
    await eventually(async () => {
      // A connection that closes late leaves a free descriptor below the limit: lower it once more.
      for (const { pid } of gateways) setLimit(pid, Math.max(...descriptorsOf(pid)) - 4);
      return (await knock(port)) !== 'open';
    });
    await expectEcho('below the open descriptors');
    for (const { pid } of gateways) setLimit(pid, 4096);
    await eventually(async () => (await knock(port)) === 'open');
    await eventually(async () => {
      const peer = await openTcpPeer(textPort);
      onTestFinished(() => peer.destroy());
      await expectEcho('until the text gateway accepts');
      return peer.received.length > 0;
    });
    await expectEcho('with a new limit');

    // The master cannot start a process, and tries again.
    const { pid: master } = echo.cluster;
    const [worker] = await echo.processes('business-worker');
    setLimit(master, 12);
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    await eventually(() => readFileSync(echo.logFile, 'utf8').includes('EMFILE; restarting'));
    await expectEcho('without one worker');
    setLimit(master, 4096);
    await eventually(async () => {
      const workers = await echo.processes('business-worker');
      return workers.every((one) => one['state'] === 'ready' && one.pid !== worker?.pid);
    });
    expect(isAlive(master)).toBe(true);

    const [{ pid: full = 0 } = {}] = gateways;
    const lines = logOf(full, 'too many open files');
    // One line a second at most.
    const seconds = (Date.now() - startedAt) / 1_000;
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    expect(lines[0]).toMatchObject({
      code: 'EMFILE',
      limit: expect.any(Number),
      hint: expect.stringContaining('ulimit -n'),
    });
    expect(logOf(full, 'file descriptors are free again').length).toBeGreaterThan(0);
  },
);
