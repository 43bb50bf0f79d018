import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type TestClient } from '@gatewayworker/testing';
import { expect } from 'vitest';

/** Times in milliseconds, from sending a message until every recipient has it. */
interface Times {
  readonly median: number;
  readonly slowest: number;
}

/** Shorter than the 8 s of a heartbeat, and longer than the delays of a busy machine, in milliseconds. */
const SLOW_MS = 7000;

/** The same for half of the answers. */
const SLOW_MEDIAN_MS = 4000;

/** A round that takes longer has lost a message, in milliseconds. */
const LOST_MS = 15_000;

/** Pause between two rounds, in milliseconds. */
const PAUSE_MS = 150;

let rounds = 0;

/** Measures how fast messages of each kind arrive between the clients of the three hosts. */
export class Pace {
  readonly #speakers: readonly TestClient[];
  readonly #hearers: Readonly<Record<string, TestClient>>;
  readonly #times = new Map<string, number[]>();

  /** @param hearers - recipients by their uids; all of them are in the room */
  constructor(speakers: readonly TestClient[], hearers: Readonly<Record<string, TestClient>>) {
    this.#speakers = speakers;
    this.#hearers = hearers;
  }

  /** Sends one message of each kind from each speaker, one after the other. */
  async round(): Promise<void> {
    const all = Object.values(this.#hearers);
    for (const speaker of this.#speakers) {
      rounds += 1;
      const topic = `round-${rounds}`;
      await this.#time('echo', `echo ${topic}`, [speaker], () => speaker.send(topic));
      for (const way of ['group', 'all']) {
        await this.#time(way, `${way} ${topic}`, all, () => speaker.send(`${way} ${topic}`));
      }
      await this.#time('uid', `uid ${topic}`, all, () => {
        for (const uid of Object.keys(this.#hearers)) speaker.send(`uid ${uid} ${topic}`);
      });
    }
    // Rounds without a pause would use a core for as long as a cable is out.
    await sleep(PAUSE_MS);
  }

  /** Number of messages of each kind that have arrived. */
  get count(): number {
    return this.#times.get('echo')?.length ?? 0;
  }

  /** By the kind of message. */
  get times(): Readonly<Record<string, Times>> {
    return Object.fromEntries(
      [...this.#times].map(([way, times]) => {
        const sorted = times.toSorted((one, other) => one - other);
        const [median = 0] = sorted.slice(Math.floor(sorted.length / 2));
        return [way, { median, slowest: sorted.at(-1) ?? 0 }];
      }),
    );
  }

  /** Checks that no kind of message is much slower than it was, for one of them or for half of them. */
  expectAsFastAs(before: Pace): void {
    const [now, once] = [this.times, before.times];
    expect(Object.keys(now)).toEqual(['echo', 'group', 'all', 'uid']);
    for (const [way, { median, slowest }] of Object.entries(now)) {
      const shown = `${way}: ${JSON.stringify({ now: now[way], before: once[way] })}`;
      expect(slowest, shown).toBeLessThan(Math.max(SLOW_MS, 5 * (once[way]?.slowest ?? 0)));
      expect(median, shown).toBeLessThan(Math.max(SLOW_MEDIAN_MS, 5 * (once[way]?.median ?? 0)));
    }
  }

  async #time(
    way: string,
    due: string,
    hearers: readonly TestClient[],
    say: () => void,
  ): Promise<void> {
    const from = performance.now();
    say();
    const hasArrived = (): boolean =>
      hearers.every(({ messages }) => messages.lastIndexOf(due) >= 0);
    await eventually(hasArrived, { timeoutMs: LOST_MS, intervalMs: 2 }).catch((cause: unknown) => {
      const received = hearers.map(({ messages, isOpen }) => ({
        isOpen,
        last: messages.slice(-5),
      }));
      throw new Error(`${due} did not arrive: ${JSON.stringify(received)}`, { cause });
    });
    const times = this.#times.get(way) ?? [];
    times.push(performance.now() - from);
    this.#times.set(way, times);
  }
}
