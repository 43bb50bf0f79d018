import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { requestStatus } from '@gatewayworker/supervisor';
import {
  eventually,
  freePorts,
  isAlive,
  openClient,
  skipReason,
  TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';

const file = fileURLToPath(new URL('../e2e/fixtures/dist/exhaustion/start.js', import.meta.url));
const skipped = skipReason('tmpfs') || skipReason('prlimit');

const CLIENTS = 200;
const SEND_EVERY_MS = 200;
/** Time for which the reader of stdout stops, in milliseconds. */
const STALL_MS = Number(process.env['GATEWAYWORKER_STALL_MS'] ?? 1_000);
/** Messages that every client must get answered while something is exhausted. */
const PROGRESS = 5;

const patiently = { timeoutMs: 60_000, intervalMs: 20 };

/** A client that sends numbered messages, and expects the answers in order. */
class NumberedClient {
  readonly client: TestClient;
  answered = 0;
  sent = 0;
  /** Longest time until an answer, in milliseconds. */
  longestWaitMs = 0;
  readonly breaches: string[] = [];
  readonly #sentAt: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(websocket: WebSocket) {
    this.client = new TestClient(websocket);
    websocket.on('message', (data: Buffer) => {
      if (data.toString() === 'flood') return;
      this.#take(Number(data.toString()));
    });
    this.#timer = setInterval(() => {
      this.client.send(String(this.sent));
      this.#sentAt.push(performance.now());
      this.sent += 1;
    }, SEND_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #take(number: number): void {
    if (number !== this.answered) this.breaches.push(`${number} instead of ${this.answered}`);
    this.answered = number + 1;
    const waitMs = performance.now() - (this.#sentAt[number] ?? 0);
    this.longestWaitMs = Math.max(this.longestWaitMs, waitMs);
  }
}

/** A cluster with its log on a disk of its own, of 16 MB. */
interface FullCluster {
  readonly master: ChildProcess;
  readonly port: number;
  readonly pidFile: string;
  /** As this process sees it. */
  readonly disk: string;
  readonly logFile: string;
}

async function startOnSmallDisk(): Promise<FullCluster> {
  const folder = await temporaryFolder('exhaustion');
  const [registerPort = 0, port = 0] = await freePorts(2);
  const pidFile = `${folder.path}/start.pid`;
  const mountPoint = folder.path;
  const mount =
    'mkdir "$1/disk" && mount -t tmpfs -o size=16m tmpfs "$1/disk" && shift && exec "$@"';
  const master = spawn(
    'unshare',
    ['--mount', 'sh', '-c', mount, 'sh', mountPoint, process.execPath, file, 'start'],
    {
      env: {
        ...process.env,
        REGISTER_PORT: String(registerPort),
        GATEWAY_PORT: String(port),
        PID_FILE: pidFile,
        LOG_FILE: `${mountPoint}/disk/start.log`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let printed = '';
  for (const stream of [master.stdout, master.stderr]) {
    stream.on('data', (data: Buffer) => {
      printed = (printed + data).slice(-10_000);
    });
  }
  onTestFinished(async () => {
    master.stdout.resume();
    master.kill('SIGTERM');
    await eventually(() => master.exitCode !== null || master.signalCode !== null, patiently);
    await folder.dispose();
  });
  await eventually(() => printed.includes('Press Ctrl+C to stop.'), patiently).catch((cause) => {
    throw new Error(`the cluster is not ready:\n${printed}`, { cause });
  });
  // Only processes in the mount namespace see the disk by its path.
  const disk = `/proc/${master.pid}/root${mountPoint}/disk`;
  return { master, port, pidFile, disk, logFile: `${disk}/start.log` };
}

/** Fills a disk to its last byte; answers what empties it. */
function fill(disk: string): () => void {
  const path = `${disk}/filler`;
  const descriptor = openSync(path, 'w');
  for (const size of [1_048_576, 4_096, 1]) {
    const zeros = Buffer.alloc(size);
    try {
      while (writeSync(descriptor, zeros) > 0);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    }
  }
  expect(fstatSync(descriptor).size).toBeGreaterThan(0);
  closeSync(descriptor);
  return () => rmSync(path);
}

/** Sets the soft limit of open files of a process. */
function setLimit(pid: number, limit: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`]);
}

test.skipIf(skipped !== '')(
  `cluster: full disks, a stalled reader and no descriptors cost no client${skipped}`,
  async () => {
    const cluster = await startOnSmallDisk();
    const { master, port, pidFile } = cluster;
    const status = async () => {
      const report = await requestStatus(pidFile);
      return report?.processes ?? [];
    };
    const before = (await status()).map(({ pid }) => pid);
    const clients: NumberedClient[] = [];
    onTestFinished(() => {
      for (const one of clients) {
        one.stop();
        one.client.terminate();
      }
    });
    for (let index = 0; index < CLIENTS; index += 1) {
      const websocket = new WebSocket(`ws://127.0.0.1:${port}/`);
      await new Promise((resolve) => websocket.once('open', resolve));
      clients.push(new NumberedClient(websocket));
    }
    /** Waits until every client has more answers, and the master one for `status`. */
    const progress = async (): Promise<void> => {
      const aims = clients.map(({ answered }) => answered + PROGRESS);
      await eventually(
        () => clients.every(({ answered }, index) => answered >= (aims[index] ?? 0)),
        patiently,
      );
      expect((await status()).map(({ pid }) => pid)).toEqual(before);
      expect(clients.filter(({ client }) => !client.isOpen)).toEqual([]);
    };
    // Some of each worker: what one process keeps of its output is less than this.
    const flood = (): void => {
      for (const { client } of clients.slice(0, 4)) client.send('flood');
    };
    const logged = (): string => readFileSync(cluster.logFile, 'utf8');
    await progress();

    for (let round = 1; round <= 3; round += 1) {
      const empty = fill(cluster.disk);
      await progress();
      flood();
      await progress();
      empty();
      await eventually(() => {
        const drops = logged().split('"reason":"ENOSPC"').length - 1;
        return drops >= round;
      }, patiently);
    }

    master.stdout?.pause();
    const stalledAt = performance.now();
    flood();
    do await progress();
    while (performance.now() - stalledAt < STALL_MS);
    const newcomer = await openClient(port);
    newcomer.send('1');
    expect(await newcomer.next()).toBe('1');
    newcomer.terminate();
    master.stdout?.resume();
    await eventually(() => logged().includes('"reason":"EAGAIN"'), patiently);
    await progress();

    const gateways = (await status()).filter(({ role }) => role === 'gateway');
    for (const { pid } of gateways) setLimit(pid ?? 0, 100);
    await eventually(() => {
      const lines = logged()
        .split('\n')
        .filter((line) => line.includes('too many open files'));
      return gateways.every(({ pid }) => lines.some((line) => line.includes(`"pid":${pid},`)));
    }, patiently);
    // Below the limit some descriptors may be free: the clients that get them stay.
    let refused = 0;
    for (let index = 0; refused < 40; index += 1) {
      if (index === 400) throw new Error('clients are let in without descriptors');
      const websocket = new WebSocket(`ws://127.0.0.1:${port}/`);
      onTestFinished(() => websocket.terminate());
      refused += await new Promise<number>((resolve) => {
        websocket.once('open', () => resolve(0));
        websocket.once('error', () => resolve(1));
      });
    }
    await progress();
    for (const { pid } of gateways) setLimit(pid ?? 0, 4_096);
    await eventually(async () => {
      const accepted = await openClient(port).catch(() => undefined);
      accepted?.terminate();
      return accepted !== undefined;
    }, patiently);
    await progress();

    for (const one of clients) one.stop();
    await eventually(() => clients.every(({ sent, answered }) => sent === answered), patiently);
    expect(clients.flatMap(({ breaches }) => breaches)).toEqual([]);
    expect(clients.filter(({ client }) => !client.isOpen)).toEqual([]);
    expect(before.every((pid) => pid !== null && isAlive(pid))).toBe(true);
    const messages = clients.reduce((sum, { answered }) => sum + answered, 0);
    const longest = Math.max(...clients.map(({ longestWaitMs }) => longestWaitMs));
    process.stdout.write(
      `${messages} messages of ${CLIENTS} clients, longest answer ${Math.round(longest)} ms, ` +
        `reader stopped for ${STALL_MS} ms\n`,
    );
    master.kill('SIGTERM');
    await eventually(() => master.exitCode !== null, patiently);
    expect(master.exitCode).toBe(0);
  },
);
