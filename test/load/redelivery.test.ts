import { fileURLToPath } from 'node:url';
import {
  type Cluster,
  eventually,
  freePorts,
  openClient,
  runCommand,
  startCluster,
  type TestClient,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const file = fileURLToPath(new URL('../e2e/fixtures/dist/redeliver/start.js', import.meta.url));
const CLIENTS = 200;
const RELOADS = 3;
const KILLS = 4;
const SEND_EVERY_MS = 100;

/** A client that sends a numbered message every 100 ms. */
class NumberedClient {
  readonly client: TestClient;
  sent = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(client: TestClient) {
    this.client = client;
    this.#timer = setInterval(() => {
      client.send(String(this.sent));
      this.sent += 1;
    }, SEND_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Number of the message that was answered last; -1 before the first answer. */
  get lastAnswer(): number {
    const number = Number(String(this.client.messages.at(-1)).split(' ')[0]);
    return Number.isNaN(number) ? -1 : number;
  }

  /** Answers so far, in their order. */
  answers(): { readonly number: number; readonly isRedelivered: boolean }[] {
    return this.client.messages
      .map((message) => String(message).split(' '))
      .filter(([number]) => number !== 'connected')
      .map(([number, isRedelivered]) => ({
        number: Number(number),
        isRedelivered: isRedelivered === 'true',
      }));
  }
}

interface Busy {
  readonly cluster: Cluster;
  readonly env: Record<string, string>;
  readonly clients: readonly NumberedClient[];
}

/** Two gateways and two workers, whose handlers take up to 50 ms, and clients that talk all the time. */
async function startBusy(): Promise<Busy> {
  const [register = 0, gateway = 0, inner = 0] = await freePorts(4);
  const env = {
    REGISTER_PORT: String(register),
    GATEWAY_PORT: String(gateway),
    INNER_PORT: String(inner),
  };
  const cluster = await startCluster({ file, env });
  onTestFinished(() => cluster.dispose());
  const opened = await Promise.all(Array.from({ length: CLIENTS }, () => openClient(gateway)));
  const clients = opened.map((client) => new NumberedClient(client));
  onTestFinished(() => {
    for (const client of clients) {
      client.stop();
      client.client.terminate();
    }
  });
  return { cluster, env, clients };
}

/**
 * Waits until every message sent so far has its answer. Without this wait a slow machine would lose events:
 * an event in flight at the death of three workers is dropped.
 */
async function awaitServed(clients: readonly NumberedClient[]): Promise<void> {
  const sent = clients.map((client) => client.sent);
  await eventually(
    () => clients.every((client, index) => client.lastAnswer >= (sent[index] ?? 0) - 1),
    { timeoutMs: 120_000 },
  );
}

/** Waits for every answer. Throws if one is missing or out of order, or if a client is not connected. */
async function expectComplete(clients: readonly NumberedClient[]): Promise<void> {
  for (const client of clients) client.stop();
  const isComplete = (client: NumberedClient): boolean =>
    new Set(client.answers().map(({ number }) => number)).size === client.sent;
  await eventually(() => clients.every(isComplete), { timeoutMs: 120_000 });
  for (const client of clients) {
    expect(client.client.isOpen).toBe(true);
    const seen = new Set<number>();
    const first: number[] = [];
    for (const { number, isRedelivered } of client.answers()) {
      if (!seen.has(number)) first.push(number);
      // Only a message marked as redelivered may come twice.
      else expect(isRedelivered).toBe(true);
      seen.add(number);
    }
    expect(first).toEqual(Array.from({ length: client.sent }, (_, index) => index));
  }
}

async function readyWorkers(cluster: Cluster): Promise<number[]> {
  const processes = await cluster.status();
  return processes
    .filter(({ role, state }) => role === 'business-worker' && state === 'ready')
    .map(({ pid }) => pid);
}

test('redeliver: reloads and kills under load, no event lost or out of order', {
  timeout: 180_000,
}, async () => {
  const { cluster, env, clients } = await startBusy();
  const gateways = async () =>
    (await cluster.status()).filter(({ role }) => role === 'gateway').map(({ pid }) => pid);
  const before = await gateways();
  for (let round = 0; round < RELOADS; round += 1) {
    expect(await runCommand(file, ['reload'], { env })).toMatchObject({ exitCode: 0, stderr: '' });
    await awaitServed(clients);
  }
  // A reload finishes what has begun: no event is handled twice.
  for (const client of clients) {
    const numbers = client.answers().map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
  }
  for (let round = 0; round < KILLS; round += 1) {
    const pids = await eventually(async () => {
      const ready = await readyWorkers(cluster);
      return ready.length === 2 && ready;
    });
    process.kill(pids[round % 2] ?? 0, 'SIGKILL');
    // Every client is served again, by any worker.
    await awaitServed(clients);
  }
  await expectComplete(clients);
  expect(await gateways()).toEqual(before);
});
