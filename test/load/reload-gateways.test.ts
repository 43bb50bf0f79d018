import { setInterval as every } from 'node:timers/promises';
import { eventually, openClient, type TestClient } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startTalkingDaemon, stopAll, type TalkingCluster } from '../e2e/talking-cluster.ts';

vi.setConfig({ testTimeout: 300_000 });

const clientCount = Number(process.env['TALKERS'] ?? 200);
const messageMs = Number(process.env['MESSAGE_MS'] ?? 20);
const newcomerMs = 50;
const reloads = Number(process.env['RELOADS'] ?? 10);
/** Parts of the clients that speak one after the other. */
const slices = 10;
/** Messages of each client between two reloads. */
const progressCount = Number(process.env['PROGRESS'] ?? 50);
const patience = { timeoutMs: 60_000 };

/** Sends numbered messages; the answers must have all numbers, in order. */
class Talker {
  sent = 0;
  heard: number[] = [];
  /** Longest time between a message and its answer, in milliseconds. */
  longestMs = 0;
  readonly #sentAt: number[] = [];
  readonly #client: TestClient;

  constructor(client: TestClient) {
    this.#client = client;
    client.onMessage = (text) => this.#hear(String(text));
  }

  get isOpen(): boolean {
    return this.#client.isOpen;
  }

  send(): void {
    this.sent += 1;
    this.#sentAt[this.sent] = performance.now();
    this.#client.send(`count ${this.sent}`);
  }

  #hear(text: string): void {
    const number = Number(/^count \d+ (\d+)$/.exec(text)?.[1]);
    if (Number.isNaN(number)) return;
    this.heard.push(number);
    this.longestMs = Math.max(this.longestMs, performance.now() - (this.#sentAt[number] ?? 0));
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

test('reload --gateways ten times under load: no client notices', async () => {
  const cluster = await startTalkingDaemon();
  const talkers: Talker[] = [];
  for (let index = 0; index < clientCount; index += 1) {
    talkers.push(new Talker(await cluster.enter(`talker-${index}`)));
  }
  let turn = 0;
  const timer = setInterval(() => {
    // Not all at once: a burst would be measured with the pause.
    for (let index = turn % slices; index < talkers.length; index += slices) talkers[index]?.send();
    turn += 1;
  }, messageMs / slices);
  onTestFinished(() => clearInterval(timer));
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const failures: string[] = [];
  const newcomers = openNewcomers(cluster, over.signal, failures);
  const progress = async () => {
    const target = talkers.map(({ heard }) => heard.length + progressCount);
    await eventually(
      () => talkers.every(({ heard }, index) => heard.length >= (target[index] ?? 0)),
      patience,
    );
  };
  /** The longest wait of any client since it was asked last. */
  const takeLongest = () => {
    const longest = Math.round(Math.max(...talkers.map(({ longestMs }) => longestMs)));
    for (const talker of talkers) talker.longestMs = 0;
    return longest;
  };
  await progress();
  const before = takeLongest();
  const longest: number[] = [];
  for (let round = 0; round < reloads; round += 1) {
    const result = await cluster.command('reload', '--gateways');
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^gate #0: \d+ -> \d+, .*\ngate #1: \d+ -> \d+, .*\nReloaded\.\n$/,
    );
    await progress();
    longest.push(takeLongest());
  }
  clearInterval(timer);
  over.abort();
  const visits = await newcomers;
  process.stdout.write(
    `longest wait before: ${before} ms, with reloads: ${longest.join(', ')} ms, ${visits} newcomers\n`,
  );
  const frozen = [...cluster.log().matchAll(/"frozenMs":(\d+)/g)].map(([, ms]) => ms);
  process.stdout.write(`no events were handled for: ${frozen.join(', ')} ms\n`);
  await eventually(() => talkers.every(({ heard, sent }) => heard.length >= sent), patience);
  expect(talkers.filter(({ isOpen }) => !isOpen)).toEqual([]);
  for (const { heard, sent } of talkers) {
    expect(heard).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
  }
  expect(failures).toEqual([]);
  await stopAll(cluster);
});
