import { eventually, type TestClient } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Newcomers } from '../e2e/newcomers.ts';
import {
  enterAll,
  killMaster,
  startTalkingDaemon,
  stopAll,
  type TalkingCluster,
} from '../e2e/talking-cluster.ts';

vi.setConfig({ testTimeout: 300_000 });

// `npm run restarts` has the full load; this one is shorter, because nothing else runs well beside the full one.
const clientCount = Number(process.env['TALKERS'] ?? 100);
const messageMs = Number(process.env['MESSAGE_MS'] ?? 100);
const reloads = Number(process.env['RELOADS'] ?? 3);
/** Parts of the clients that send one after the other. */
const slices = 10;
/** Answers that each client must get between two steps. */
const progressCount = Number(process.env['PROGRESS'] ?? 10);
const newcomerMs = 50;
const longTimeout = { timeoutMs: 60_000 };

/** Sends numbered messages; the answers must have all numbers, in order. */
class Talker {
  sent = 0;
  readonly answers: number[] = [];
  /** Longest time between a message and its answer, in milliseconds. */
  longestMs = 0;
  readonly #sentAt: number[] = [];
  readonly #client: TestClient;

  constructor(client: TestClient) {
    this.#client = client;
    client.onMessage = (text) => this.#handleMessage(String(text));
  }

  get isOpen(): boolean {
    return this.#client.isOpen;
  }

  send(): void {
    this.sent += 1;
    this.#sentAt[this.sent] = performance.now();
    this.#client.send(`count ${this.sent}`);
  }

  #handleMessage(text: string): void {
    const number = Number(/^count \d+ (\d+)$/.exec(text)?.[1]);
    if (Number.isNaN(number)) return;
    this.answers.push(number);
    this.longestMs = Math.max(this.longestMs, performance.now() - (this.#sentAt[number] ?? 0));
  }
}

/** Clients that send all the time, while others connect and leave. */
class Load {
  readonly #talkers: readonly Talker[];
  readonly #newcomers: Newcomers;
  readonly #timer: NodeJS.Timeout;
  #turn = 0;

  constructor(cluster: TalkingCluster, talkers: readonly Talker[]) {
    this.#talkers = talkers;
    this.#newcomers = new Newcomers(cluster, newcomerMs);
    // Spread over the interval: the wait for a burst of all clients would be measured too.
    this.#timer = setInterval(() => this.#sendSlice(), messageMs / slices);
    onTestFinished(() => clearInterval(this.#timer));
  }

  /** Resolves once every client has more answers; answers the longest wait of any since the last call. */
  async progress(): Promise<number> {
    const target = this.#talkers.map(({ answers }) => answers.length + progressCount);
    await eventually(
      () => this.#talkers.every(({ answers }, index) => answers.length >= (target[index] ?? 0)),
      longTimeout,
    );
    const longest = Math.round(Math.max(...this.#talkers.map(({ longestMs }) => longestMs)));
    for (const talker of this.#talkers) talker.longestMs = 0;
    return longest;
  }

  /** Ends it. Throws unless every client is connected and every answer came once and in order. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#newcomers.end();
    await eventually(
      () => this.#talkers.every(({ answers, sent }) => answers.length >= sent),
      longTimeout,
    );
    expect(this.#talkers.filter(({ isOpen }) => !isOpen)).toEqual([]);
    for (const { answers, sent } of this.#talkers) {
      expect(answers).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
    }
    expect(this.#newcomers.failures).toEqual([]);
    expect(this.#newcomers.served).toBeGreaterThan(0);
  }

  #sendSlice(): void {
    for (let index = this.#turn % slices; index < this.#talkers.length; index += slices) {
      this.#talkers[index]?.send();
    }
    this.#turn += 1;
  }
}

test('restarts under load: no disconnect, no lost message, no refused client', async () => {
  const cluster = await startTalkingDaemon();
  const names = Array.from({ length: clientCount }, (_, index) => `talker-${index}`);
  const members = await enterAll(cluster, names);
  const talkers = Array.from(members.values(), (client) => new Talker(client));
  const load = new Load(cluster, talkers);
  const before = await load.progress();

  await killMaster(cluster);
  await load.progress();
  const startedAt = performance.now();
  const start = await cluster.command('start', '-d', '--wait', '50');
  const startMs = Math.round(performance.now() - startedAt);
  expect(start.exitCode).toBe(0);
  // Under this load a process may not answer within a second: start keeps it and warns.
  expect(start.stderr).toMatch(/^(?:\w+ #\d \(pid \d+\) does not answer\. It is kept, [^\n]*\n)*$/);
  expect(start.stdout).toContain('Attached to 5 processes');
  await load.progress();

  const longest: number[] = [];
  for (let round = 0; round < reloads; round += 1) {
    const result = await cluster.command('reload', '--gateways');
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^gate #0: \d+ -> \d+, .*\ngate #1: \d+ -> \d+, .*\nReloaded\.\n$/,
    );
    longest.push(await load.progress());
  }
  expect(await cluster.command('reload')).toMatchObject({ exitCode: 0, stderr: '' });
  await load.progress();
  await load.end();
  const frozen = [...cluster.log().matchAll(/"frozenMs":(\d+)/g)].map(([, ms]) => ms);
  process.stdout.write(
    `longest wait: ${before} ms, with reload --gateways ${longest.join(', ')} ms, ` +
      `frozen ${frozen.join(', ')} ms; start took ${startMs} ms\n`,
  );
  await stopAll(cluster);
});
