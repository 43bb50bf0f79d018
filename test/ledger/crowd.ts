import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Client, connect } from '@gatewayworker/sdk';
import { eventually, freePorts, startCluster, temporaryFolder } from '@gatewayworker/testing';
import { WebSocket } from 'ws';

// Many clients resume after their gateway was killed, while the clients of another gateway are served. Prints how long
// both take, and the memory of parked clients.

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    /** Port of the gateway that stays: this is the process of the other clients. */
    others: { type: 'string' },
  },
});
const count = Number(values.clients);
/** Clients of the gateway that stays. */
const OTHERS = 100;
const file = fileURLToPath(new URL('../e2e/fixtures/dist/resume/start.js', import.meta.url));

function open(port: () => number, name: string): Client {
  return connect(() => `ws://127.0.0.1:${port()}/`, {
    token: name,
    format: 'text',
    WebSocket: WebSocket as never,
    connectTimeoutMs: 30_000,
  });
}

/** Resident memory of a process, in bytes. */
function memoryOf(pid: number): number {
  const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return Number(pages) * 4096;
}

function percentile(times: readonly number[], part: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return (
    Math.round(10 * (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0)) /
    10
  );
}

/** Times of requests of other clients, in milliseconds. In a process of its own, because this one is busy. */
interface Others {
  readonly before: readonly number[];
  readonly during: readonly number[];
}

/** Sends requests until a line arrives on the input, and again until the next one; then prints their times. */
async function runOthers(port: number): Promise<void> {
  const others = Array.from({ length: OTHERS }, (_, index) => open(() => port, `other${index}`));
  await eventually(() => others.every(({ state }) => state === 'open'));
  print('open');
  const lines = createInterface({ input: process.stdin });
  const measure = async (): Promise<number[]> => {
    const times: number[] = [];
    let isOver = false;
    const ended = once(lines, 'line').then(() => {
      isOver = true;
    });
    const ask = async (client: Client): Promise<void> => {
      while (!isOver) {
        const from = performance.now();
        await client.request('echo', 1);
        times.push(performance.now() - from);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    await Promise.all([ended, ...others.map(ask)]);
    return times;
  };
  const report: Others = { before: await measure(), during: await measure() };
  print(JSON.stringify(report));
  for (const client of others) client.close();
  lines.close();
}

async function run(): Promise<void> {
  const [registerPort, first = 0, second = 0] = await freePorts(3);
  const folder = await temporaryFolder('crowd');
  const pidFile = `${folder.path}/crowd.pid`;
  const env = {
    REGISTER_PORT: String(registerPort),
    GATEWAY_PORTS: `${first},${second}`,
    GATEWAY_COUNT: '1',
    PING_INTERVAL: '25',
    PID_FILE: pidFile,
    LOG_FILE: `${folder.path}/crowd.log`,
    TICK_MS: '10000',
  };
  const flags = process.env['FLAGS']?.split(' ') ?? [];
  const cluster = await startCluster({ file, env, pidFile, flags });
  const clients: Client[] = [];
  try {
    let port = first;
    for (let index = 0; index < count; index += 1) {
      clients.push(open(() => port, `u${index}`));
      if (index % 100 === 99) {
        await eventually(() => clients.every(({ state }) => state === 'open'), {
          timeoutMs: 60_000,
        });
      }
    }
    const flagsOfThis = ['--conditions=@gatewayworker/source', '--import', 'tsx'];
    const args = [...flagsOfThis, fileURLToPath(import.meta.url), '--others', String(second)];
    const others = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const printed = createInterface({ input: others.stdout });
    await once(printed, 'line');
    const processes = await cluster.status();
    const pidOf = (name: string): number => Number(processes.find((one) => one.name === name)?.pid);
    const ids = clients.map(({ clientId }) => clientId);
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    others.stdin.write('killed\n');

    const resumed: number[] = [];
    const killedAt = performance.now();
    for (const client of clients.slice(0, count)) {
      client.on('open', () => void resumed.push(performance.now() - killedAt));
    }
    port = second;
    const memoryBefore = memoryOf(pidOf('gate1'));
    process.kill(pidOf('gate0'), 'SIGKILL');
    await eventually(() => resumed.length === count, { timeoutMs: 120_000, intervalMs: 50 });
    others.stdin.write('resumed\n');
    const [line] = await once(printed, 'line');
    const { before, during }: Others = JSON.parse(line);
    const lost = clients.filter(({ clientId }, index) => clientId !== ids[index]).length;
    print(
      `${count} clients resumed after ${percentile(resumed, 0.5)} ms (p50), ${percentile(resumed, 0.99)} ms (p99), ${percentile(resumed, 1)} ms (last); ${lost} with a new session`,
    );
    for (const [name, times] of Object.entries({ before, during })) {
      print(`others ${name}: p50 ${percentile(times, 0.5)} ms, p99 ${percentile(times, 0.99)} ms`);
    }
    const memoryAfter = memoryOf(pidOf('gate1'));
    print(
      `gateway: ${Math.round((memoryAfter - memoryBefore) / count)} bytes more for each client`,
    );
  } finally {
    for (const client of clients) client.close();
    await cluster.stop();
    await cluster.dispose();
    await folder.dispose();
  }
}

if (values.others === undefined) await run();
else await runOthers(Number(values.others));
