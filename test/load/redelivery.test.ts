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
const ROUNDS = 10;
const SEND_EVERY_MS = 20;

/** A client that sends a numbered message every 20 ms, and notes how long it waits for answers. */
class NumberedClient {
  readonly client: TestClient;
  sent = 0;
  /** Longest time between two answers so far, in milliseconds. */
  longestStallMs = 0;
  #answered = 0;
  #lastAnswerAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(client: TestClient) {
    this.client = client;
    this.#timer = setInterval(() => {
      client.send(String(this.sent));
      this.sent += 1;
      this.#look();
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

  #look(): void {
    const now = performance.now();
    this.longestStallMs = Math.max(this.longestStallMs, now - this.#lastAnswerAt);
    if (this.client.messages.length === this.#answered) return;
    this.#answered = this.client.messages.length;
    this.#lastAnswerAt = now;
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
 * Waits until every message that was sent before has its answer: an event that is in flight at the death of
 * three workers is dropped, which a slow machine would reach.
 */
async function awaitServed(clients: readonly NumberedClient[]): Promise<void> {
  const sent = clients.map((client) => client.sent);
  await eventually(
    () => clients.every((client, index) => client.lastAnswer >= (sent[index] ?? 0) - 1),
    { timeoutMs: 120_000 },
  );
}

interface Outcome {
  readonly sent: number;
  readonly repeated: number;
  readonly longestStallMs: number;
}

/** Waits for every answer, and checks that none is missing, that none overtook another and that all are connected. */
async function expectComplete(clients: readonly NumberedClient[]): Promise<Outcome> {
  for (const client of clients) client.stop();
  const isComplete = (client: NumberedClient): boolean =>
    new Set(client.answers().map(({ number }) => number)).size === client.sent;
  await eventually(() => clients.every(isComplete), { timeoutMs: 120_000 });
  let repeated = 0;
  for (const client of clients) {
    expect(client.client.isOpen).toBe(true);
    const seen = new Set<number>();
    const first: number[] = [];
    for (const { number, isRedelivered } of client.answers()) {
      if (!seen.has(number)) first.push(number);
      else {
        repeated += 1;
        // Only what is marked may come twice.
        expect(isRedelivered).toBe(true);
      }
      seen.add(number);
    }
    expect(first).toEqual(Array.from({ length: client.sent }, (_, index) => index));
  }
  const sent = clients.reduce((total, client) => total + client.sent, 0);
  const longestStallMs = Math.max(...clients.map((client) => client.longestStallMs));
  return { sent, repeated, longestStallMs };
}

function report(what: string, { sent, repeated, longestStallMs }: Outcome): void {
  process.stdout.write(
    `${ROUNDS} ${what}, ${CLIENTS} clients, ${sent} messages: 0 lost, 0 reordered, 0 disconnected, ` +
      `${repeated} answered twice, longest wait of a client ${Math.round(longestStallMs)} ms\n`,
  );
}

test('ten reloads under load: no event is lost, repeated or reordered, no disconnect', {
  timeout: 180_000,
}, async () => {
  const { cluster, env, clients } = await startBusy();
  const gateways = async () =>
    (await cluster.status()).filter(({ role }) => role === 'gateway').map(({ pid }) => pid);
  const before = await gateways();
  for (let round = 0; round < ROUNDS; round += 1) {
    expect(await runCommand(file, ['reload'], { env })).toMatchObject({ exitCode: 0, stderr: '' });
    await awaitServed(clients);
  }
  const outcome = await expectComplete(clients);
  expect(outcome.repeated).toBe(0);
  expect(await gateways()).toEqual(before);
  report('reloads', outcome);
});

async function readyWorkers(cluster: Cluster): Promise<number[]> {
  const processes = await cluster.status();
  return processes
    .filter(({ role, state }) => role === 'business-worker' && state === 'ready')
    .map(({ pid }) => pid);
}

test('ten kills of workers with redeliver: no event lost or reordered, no disconnect', {
  timeout: 180_000,
}, async () => {
  const { cluster, clients } = await startBusy();
  for (let round = 0; round < ROUNDS; round += 1) {
    const pids = await eventually(async () => {
      const ready = await readyWorkers(cluster);
      return ready.length === 2 && ready;
    });
    const pid = pids[round % 2];
    if (pid === undefined) throw new Error('both are ready');
    process.kill(pid, 'SIGKILL');
    // Every client is served again, by any worker.
    await awaitServed(clients);
  }
  report('kills', await expectComplete(clients));
});
