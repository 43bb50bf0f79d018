import { setInterval as every } from 'node:timers/promises';
import { eventually, openClient, type TestClient } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  killMaster,
  startTalkingDaemon,
  stopAll,
  type TalkingCluster,
} from '../e2e/talking-cluster.ts';

vi.setConfig({ testTimeout: 300_000 });

const clientCount = 200;
const messageMs = 20;
const newcomerMs = 50;
const patience = { timeoutMs: 60_000 };

/** Sends a numbered message every 20 ms; the answers must have all numbers, in order. */
class Talker {
  sent = 0;
  readonly #client: TestClient;

  constructor(client: TestClient) {
    this.#client = client;
  }

  get isOpen(): boolean {
    return this.#client.isOpen;
  }

  /** Numbers of the answers that have come. */
  get heard(): number[] {
    return this.#client.messages.flatMap((text) => {
      const match = /^count \d+ (\d+)$/.exec(String(text));
      return match === null ? [] : [Number(match[1])];
    });
  }

  send(): void {
    this.sent += 1;
    this.#client.send(`count ${this.sent}`);
  }
}

/** Clients that come 20 times a second. */
async function openNewcomers(cluster: TalkingCluster, signal: AbortSignal, failures: string[]) {
  const visits: Promise<void>[] = [];
  const visit = async () => {
    const client = await openClient(cluster.port, '/?name=newcomer');
    await eventually(() => client.messages.includes('here'), patience);
    await client.close();
  };
  try {
    for await (const _ of every(newcomerMs, undefined, { signal })) {
      visits.push(visit().catch((error: unknown) => void failures.push(String(error))));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  await Promise.all(visits);
  return visits.length;
}

test('kill -9 of the master under load: no disconnect, no loss, no refused client', async () => {
  const cluster = await startTalkingDaemon();
  const talkers: Talker[] = [];
  for (let index = 0; index < clientCount; index += 1) {
    talkers.push(new Talker(await cluster.enter(`talker-${index}`)));
  }
  const timer = setInterval(() => {
    for (const talker of talkers) talker.send();
  }, messageMs);
  onTestFinished(() => clearInterval(timer));
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const failures: string[] = [];
  const newcomers = openNewcomers(cluster, over.signal, failures);
  const progress = async () => {
    const target = talkers.map(({ heard }) => heard.length + 50);
    await eventually(
      () => talkers.every(({ heard }, index) => heard.length >= (target[index] ?? 0)),
      patience,
    );
  };
  await progress();
  await killMaster(cluster);
  await progress();
  const startedAt = performance.now();
  const start = await cluster.command('start', '-d', '--wait', '50');
  const startMs = Math.round(performance.now() - startedAt);
  expect(start.exitCode).toBe(0);
  // Under this load a process may not answer within a second: start keeps it and warns.
  expect(start.stderr).toMatch(/^(?:\w+ #\d \(pid \d+\) does not answer\. It is kept, [^\n]*\n)*$/);
  expect(start.stdout).toContain('Attached to 5 processes');
  await progress();
  clearInterval(timer);
  over.abort();
  const visits = await newcomers;
  await eventually(() => talkers.every(({ heard, sent }) => heard.length === sent), patience);

  expect(talkers.filter(({ isOpen }) => !isOpen)).toEqual([]);
  for (const { heard, sent } of talkers) {
    expect(heard).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
  }
  expect(failures).toEqual([]);
  const total = talkers.reduce((sum, { sent }) => sum + sent, 0);
  process.stdout.write(
    `${total} messages of ${clientCount} clients, ${visits} newcomers, start took ${startMs} ms\n`,
  );
  expect(await cluster.command('reload')).toMatchObject({ exitCode: 0, stderr: '' });
  await stopAll(cluster);
});
