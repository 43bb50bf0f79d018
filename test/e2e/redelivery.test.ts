import { fileURLToPath } from 'node:url';
import {
  type Cluster,
  eventually,
  freePorts,
  openClient,
  startCluster,
  type TestClient,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const file = fileURLToPath(new URL('./fixtures/redeliver/start.ts', import.meta.url));
const CLIENTS = 60;
const KILLS = 5;

/** A client that sends a numbered message every 20 ms. */
class NumberedClient {
  readonly client: TestClient;
  sent = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(client: TestClient) {
    this.client = client;
    this.#timer = setInterval(() => {
      client.send(String(this.sent));
      this.sent += 1;
    }, 20);
  }

  stop(): void {
    clearInterval(this.#timer);
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

async function workerPids(cluster: Cluster): Promise<number[]> {
  const processes = await cluster.status();
  return processes
    .filter(({ role, state }) => role === 'business-worker' && state === 'ready')
    .map(({ pid }) => pid);
}

test('with redeliver nothing is lost and nothing overtakes when workers are killed, and nobody is disconnected', async () => {
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
  for (let kill = 0; kill < KILLS; kill += 1) {
    const pids = await eventually(async () => {
      const ready = await workerPids(cluster);
      return ready.length === 2 && ready;
    });
    const before = clients.map(({ client }) => client.messages.length);
    process.kill(pids[kill % 2] ?? 0, 'SIGKILL');
    // Everybody is served again, whoever had them before.
    await eventually(() =>
      clients.every(({ client }, index) => client.messages.length > (before[index] ?? 0) + 5),
    );
  }
  for (const client of clients) client.stop();
  const isComplete = (client: NumberedClient): boolean =>
    new Set(client.answers().map(({ number }) => number)).size === client.sent;
  await eventually(() => clients.every(isComplete));
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
  process.stdout.write(
    `${KILLS} kills, ${CLIENTS} clients, ${sent} messages: 0 lost, 0 overtaken, 0 disconnected, ${repeated} answered twice\n`,
  );
});
