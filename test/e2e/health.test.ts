import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  type Cluster,
  eventually,
  freePorts,
  isAlive,
  openClient,
  runCommand,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { atEndOfFile } from './shared.ts';

const file = fileURLToPath(new URL('./fixtures/dist/routes/start.js', import.meta.url));

/** A state may last for a moment only. */
const quickly = { intervalMs: 5 };

interface ProbeAnswer {
  readonly status: number;
  readonly live: boolean;
  readonly ready: boolean;
  /** `name: reason` of each process that is not ready. */
  readonly reasons: readonly string[];
}

const atEnd = atEndOfFile();
let cluster: Cluster;
let env: Record<string, string>;
let gatewayPort: number;
let healthPort: number;

// The first test sees it start.
beforeAll(async () => {
  const [registerPort = 0, ...ports] = await freePorts(3);
  [gatewayPort = 0, healthPort = 0] = ports;
  const folder = await temporaryFolder('health');
  atEnd(folder.dispose);
  env = {
    REGISTER_PORT: String(registerPort),
    GATEWAY_PORT: String(gatewayPort),
    RUN_FOLDER: folder.path,
    RUN: JSON.stringify({ health: `127.0.0.1:${healthPort}`, stopTimeoutMs: 4_000 }),
  };
  const pidFile = `${folder.path}/routes.pid`;
  cluster = await startCluster({ file, env, pidFile, waitForReady: false });
  atEnd(cluster.dispose);
});

async function probe(path: string): Promise<ProbeAnswer> {
  const response = await fetch(`http://127.0.0.1:${healthPort}${path}`);
  const body = JSON.parse(await response.text());
  const reasons = body.processes.flatMap((process: { name: string; reasons: string[] }) =>
    process.reasons.map((reason) => `${process.name}: ${reason}`),
  );
  return { status: response.status, live: body.live, ready: body.ready, reasons };
}

/** Resolves with the answer of a probe once it is 503. */
function notReady(path: string): Promise<ProbeAnswer> {
  return eventually(async () => {
    const answer = await probe(path);
    return answer.status === 503 && answer;
  }, quickly);
}

async function untilReady(): Promise<void> {
  await eventually(async () => (await probe('/ready')).status === 200, quickly);
}

function command(...args: string[]): ReturnType<typeof runCommand> {
  return runCommand(file, args, { env });
}

/** Pid of the worker that serves a path. */
async function workerAt(path: string): Promise<number> {
  const client = await openClient(gatewayPort, path);
  const [, pid] = String(await client.next()).split(' ');
  await client.close();
  return Number(pid);
}

const good: ProbeAnswer = { status: 200, live: true, ready: true, reasons: [] };

test('probes: a cluster that starts is live, but not ready', async () => {
  const first = await eventually(() => probe('/ready'), quickly);
  expect(first).toMatchObject({ status: 503, live: true, ready: false });
  expect(first.reasons).toContain('timer: it is not running');
  expect(await probe('/live')).toMatchObject({ status: 200, live: true });
  await untilReady();
  expect(await probe('/ready')).toEqual(good);
  for (const path of ['/ready/gateway', '/ready/front', '/live/timer', '/ready/register']) {
    expect(await probe(path)).toEqual(good);
  }
});

test('probes: the route of a killed worker is not ready until its restart', async () => {
  let killed = 0;
  const down = await eventually(async () => {
    const answer = await probe('/ready/front');
    if (answer.status === 503) return answer;
    // A successor may start faster than a probe is answered; the pause before it grows with each death.
    const worker = await workerAt('/chat').catch(() => killed);
    if (worker !== killed) process.kill(worker, 'SIGKILL');
    killed = worker;
    return undefined;
  }, quickly);
  expect(down).toEqual({
    status: 503,
    live: true,
    ready: false,
    reasons: ['front: no worker "chat-worker" is linked'],
  });
  expect((await probe('/ready/game-worker')).status).toBe(200);
  await untilReady();
  expect(await workerAt('/chat')).not.toBe(killed);
});

test('probes and health: a process that does not answer is not live', async () => {
  const frozen = await workerAt('/game');
  process.kill(frozen, 'SIGSTOP');
  try {
    const hanging = await probe('/live');
    expect(hanging).toMatchObject({ status: 503, live: false, ready: false });
    expect(hanging.reasons).toContain('game-worker: it has not answered for a second');
    expect(await probe('/live/gateway')).toMatchObject({ status: 200 });
    const all = await command('health');
    expect(all.exitCode).toBe(1);
    expect(all.stdout).toMatch(
      new RegExp(`^ *${frozen} +business-worker +game-worker +0 +no +no +it has not answered`, 'm'),
    );
  } finally {
    process.kill(frozen, 'SIGCONT');
  }
  await untilReady();
});

test('health: shows the same as the probes, a drained gateway included', async () => {
  const healthy = await command('health', '--ready');
  expect(healthy.exitCode).toBe(0);
  const lines = healthy.stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^ *pid +role +name +id +live +ready +remarks$/);
  expect(lines.slice(1).map((line) => line.replace(/^ *\d+ +/, '').split(/ +/))).toEqual([
    ['master', 'start.js', '0', 'yes', 'yes'],
    ['register', 'register', '0', 'yes', 'yes'],
    ['gateway', 'front', '0', 'yes', 'yes'],
    ['business-worker', 'chat-worker', '0', 'yes', 'yes'],
    ['business-worker', 'game-worker', '0', 'yes', 'yes'],
    ['worker', 'timer', '0', 'yes', 'yes'],
  ]);
  expect(await command('health', 'unknown')).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr: expect.stringContaining('there is no process of the role or name "unknown"; known: '),
  });

  const drain = command('drain', 'front', '--over', '2');
  const draining = await notReady('/ready/gateway');
  expect(draining.reasons).toEqual([
    expect.stringMatching(/^front: it (is stopping|was drained)$/),
  ]);
  expect(await probe('/live')).toMatchObject({ status: 200, live: true });
  expect((await drain).exitCode).toBe(0);
  expect((await probe('/ready')).reasons).toContain('front: it was drained');
  expect(await probe('/live')).toMatchObject({ status: 200, live: true });
  expect((await command('health', '--ready')).exitCode).toBe(1);
  const asJson = await command('health', '--json', 'gateway');
  expect(asJson.exitCode).toBe(0);
  expect(JSON.parse(asJson.stdout)).toEqual({
    live: true,
    ready: false,
    processes: [
      {
        pid: null,
        role: 'gateway',
        name: 'front',
        id: 0,
        live: true,
        ready: false,
        reasons: ['it was drained'],
        warnings: [],
      },
    ],
  });
  expect(await command('undrain', 'front')).toMatchObject({ exitCode: 0 });
  await untilReady();
});

// The last test of the shared cluster.
test('probes: during a graceful stop nothing is ready, everything is live', async () => {
  const client = await openClient(gatewayPort, '/chat');
  onTestFinished(() => client.terminate());
  await client.next();
  // The stop waits for this callback.
  client.send('hang');
  await client.ping();
  const slow = Array.from({ length: 200 }, () =>
    connect(healthPort, '127.0.0.1')
      .on('error', () => undefined)
      .on('connect', function (this: { write(text: string): void }) {
        this.write('GET /ready HTTP/1.1\r\nX: ');
      }),
  );
  onTestFinished(() => {
    for (const socket of slow) socket.destroy();
  });
  expect(await probe('/ready')).toEqual(good);
  const pids = (await cluster.status()).map(({ pid }) => pid);
  process.kill(cluster.pid, 'SIGQUIT');
  const stopped = await notReady('/ready');
  expect(stopped).toMatchObject({ live: true, ready: false });
  expect(stopped.reasons).toContain('timer: the cluster is stopping');
  // This process stops after the gateway, which waits for the callback.
  expect(await probe('/ready/timer')).toMatchObject({ status: 503 });
  expect(await probe('/live')).toMatchObject({ status: 200, live: true });
  expect(await cluster.ended()).toEqual({ code: 0, signal: null });
  expect(cluster.output()).toContain('"reason":"SIGQUIT","msg":"stopping gracefully"');
  expect(pids).toHaveLength(6);
  expect(pids.filter(isAlive)).toEqual([]);
  await expect(probe('/live')).rejects.toThrow('fetch failed');
});

test('run.health: a wrong or used address is named, and start fails', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const taken = typeof address === 'object' ? address?.port : 0;
  const folder = await temporaryFolder('health');
  onTestFinished(folder.dispose);
  const [registerPort = 0, gatewayPort = 0] = await freePorts(2);
  const start = async (health: unknown): Promise<[number, string]> => {
    const env = {
      REGISTER_PORT: String(registerPort),
      GATEWAY_PORT: String(gatewayPort),
      RUN_FOLDER: folder.path,
      RUN: JSON.stringify({ health }),
    };
    const { exitCode, stderr } = await runCommand(file, ['start'], { env });
    return [exitCode, stderr];
  };
  expect(await start('9000')).toEqual([
    1,
    expect.stringContaining('option run.health is "9000"; allowed: host:port with a port from 1'),
  ]);
  expect(await start(`127.0.0.1:${gatewayPort}`)).toEqual([
    1,
    expect.stringContaining(
      `port ${gatewayPort} of run() is also that of Gateway "front" (Gateway.listen)`,
    ),
  ]);
  expect(await start(`127.0.0.1:${taken}`)).toEqual([
    1,
    expect.stringContaining(
      `run.health cannot listen on 127.0.0.1:${taken}: the port is in use by another process`,
    ),
  ]);
});
