import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  type Cluster,
  eventually,
  freePorts,
  openClient,
  runCommand,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const file = fileURLToPath(new URL('./fixtures/dist/routes/start.js', import.meta.url));

/** Starts and restarts of processes take their time on a busy machine. */
const patiently = { timeoutMs: 30_000, intervalMs: 5 };

interface ProbeAnswer {
  readonly status: number;
  readonly live: boolean;
  readonly ready: boolean;
  /** `name: reason` of each process that is not ready. */
  readonly reasons: readonly string[];
}

interface Probed {
  readonly cluster: Cluster;
  readonly env: Record<string, string>;
  readonly gatewayPort: number;
  readonly healthPort: number;
  probe(path: string): Promise<ProbeAnswer>;
  command(...args: string[]): ReturnType<typeof runCommand>;
}

/** Starts the fixture with a port for probes. */
async function startProbed(
  options: { waitForReady?: boolean; run?: object } = {},
): Promise<Probed> {
  const [registerPort = 0, gatewayPort = 0, healthPort = 0] = await freePorts(3);
  const folder = await temporaryFolder('health');
  onTestFinished(folder.dispose);
  const env = {
    REGISTER_PORT: String(registerPort),
    GATEWAY_PORT: String(gatewayPort),
    RUN_FOLDER: folder.path,
    RUN: JSON.stringify({ health: `127.0.0.1:${healthPort}`, ...options.run }),
  };
  const { waitForReady = true } = options;
  const cluster = await startCluster({ file, env, waitForReady, readyTimeoutMs: 40_000 });
  onTestFinished(() => cluster.dispose());
  return {
    cluster,
    env,
    gatewayPort,
    healthPort,
    async probe(path) {
      const response = await fetch(`http://127.0.0.1:${healthPort}${path}`);
      const body = JSON.parse(await response.text());
      const reasons = body.processes.flatMap((process: { name: string; reasons: string[] }) =>
        process.reasons.map((reason) => `${process.name}: ${reason}`),
      );
      return { status: response.status, live: body.live, ready: body.ready, reasons };
    },
    command: (...args) => runCommand(file, args, { env }),
  };
}

/** Pid of the worker that serves a path. */
async function workerAt(port: number, path: string): Promise<number> {
  const client = await openClient(port, path);
  const [, pid] = String(await client.next()).split(' ');
  await client.close();
  return Number(pid);
}

const good: ProbeAnswer = { status: 200, live: true, ready: true, reasons: [] };

test('probes see a start, a death and a process that hangs', async () => {
  const { gatewayPort, probe, command } = await startProbed({ waitForReady: false });

  // While it starts it is live, and not ready.
  const first = await eventually(() => probe('/ready'), patiently);
  expect(first).toMatchObject({ status: 503, live: true, ready: false });
  expect(first.reasons).toContain('timer: it is not running');
  expect(await probe('/live')).toMatchObject({ status: 200, live: true });
  await eventually(async () => (await probe('/ready')).status === 200, patiently);
  expect(await probe('/ready')).toEqual(good);
  for (const path of ['/ready/gateway', '/ready/front', '/live/timer', '/ready/register']) {
    expect(await probe(path)).toEqual(good);
  }

  // A worker that was killed: its route is not ready, and it is started again.
  let killed = 0;
  const down = await eventually(async () => {
    const answer = await probe('/ready/front');
    if (answer.status === 503) return answer;
    // A successor may be faster than a probe; the pause before it grows with each death.
    const worker = await workerAt(gatewayPort, '/chat').catch(() => killed);
    if (worker !== killed) process.kill(worker, 'SIGKILL');
    killed = worker;
    return undefined;
  }, patiently);
  expect(down).toEqual({
    status: 503,
    live: true,
    ready: false,
    reasons: ['front: no worker "chat-worker" is linked'],
  });
  expect((await probe('/ready/game-worker')).status).toBe(200);
  await eventually(async () => (await probe('/ready')).status === 200, patiently);
  expect(await workerAt(gatewayPort, '/chat')).not.toBe(killed);

  // One that hangs.
  const frozen = await workerAt(gatewayPort, '/game');
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
  await eventually(async () => (await probe('/ready')).status === 200, patiently);
});

test('the command line sees the same as probes, who see a drain at once', async () => {
  const { cluster, probe, command } = await startProbed();
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
  expect(await command('health', 'nobody')).toMatchObject({
    exitCode: 1,
    stdout: '',
    stderr: expect.stringContaining('there is no process of the role or name "nobody"; known: '),
  });

  // A gateway that is taken out of service.
  const drain = command('drain', 'front', '--over', '2');
  const draining = await eventually(async () => {
    const answer = await probe('/ready/gateway');
    return answer.status === 503 ? answer : undefined;
  }, patiently);
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
  expect(await cluster.stop()).toBe(0);
  expect(await command('health')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('start.js is not running'),
  });
});

test('in a graceful stop nothing is ready from its first moment on, and everything stays live', async () => {
  const { cluster, gatewayPort, healthPort, probe, command } = await startProbed({
    run: { stopTimeoutMs: 4_000 },
  });
  const client = await openClient(gatewayPort, '/chat');
  onTestFinished(() => client.terminate());
  await client.next();
  // It holds the stop up.
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
  const stopping = command('stop', '-g');
  const stopped = await eventually(async () => {
    const answer = await probe('/ready');
    return answer.status === 503 ? answer : undefined;
  }, patiently);
  expect(stopped).toMatchObject({ live: true, ready: false });
  expect(stopped.reasons).toContain('timer: the cluster is stopping');
  // Its turn comes after that of the gateway, which waits for the callback.
  expect(await probe('/ready/timer')).toMatchObject({ status: 503 });
  expect(await probe('/live')).toMatchObject({ status: 200, live: true });
  expect((await stopping).exitCode).toBe(0);
  expect((await cluster.ended()).code).toBe(0);
  await expect(probe('/live')).rejects.toThrow('fetch failed');
});

test('an address for probes that is none, or is taken, stops the start and is named', async () => {
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
