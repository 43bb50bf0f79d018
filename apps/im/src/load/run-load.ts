import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOptions } from './load-options.ts';
import { populate, type Talker } from './population.ts';
import { Tally, type TallyReport, toLoadText } from './tally.ts';

/** How long what is missing in the end may take, in milliseconds. */
const patienceMs = 30_000;

/** How often a device says what it has got, in milliseconds. */
const marksMs = 1000;

/** Report of a load, with what the connections were like. */
export interface LoadReport extends TallyReport {
  /** Deliveries that were there already, and that came before one that was missing: the clients put them right. */
  readonly repeated: number;
  readonly early: number;
}

/** Has people talk on a running messenger, and counts what comes. */
export async function runLoad(
  options: LoadOptions,
  print: (line: string) => void,
): Promise<LoadReport> {
  const tally = new Tally(options.lateMs);
  const disorder = { repeated: 0, early: 0 };
  /** What has come since the last marks, by person and conversation. */
  const unmarked = new Map<
    string,
    { readonly person: number; readonly conversationId: string; seq: number }
  >();
  const talkers = await populate(options, {
    onMessage(person, message) {
      tally.show(person, message);
      const { conversationId, seq } = message;
      unmarked.set(`${person} ${conversationId}`, { person, conversationId, seq });
    },
    onDisorder: (kind) => {
      disorder[kind] += 1;
    },
    onProgress: (what, done) => print(`${what}: ${done}`),
  });
  const marks = setInterval(() => {
    for (const { person, conversationId, seq } of unmarked.values()) {
      // Every third person looks at once; the others only have it.
      const type = person % 3 === 0 ? 'read' : 'delivered';
      talkers[person]?.client.say({ type, conversationId, seq });
    }
    unmarked.clear();
  }, marksMs);
  print(`talking for ${options.seconds} s, ${options.rate} messages per second`);
  await talk(options, talkers, tally);
  await settle(talkers, tally);
  clearInterval(marks);
  await Promise.all(talkers.map(({ client }) => client.close()));
  return { ...tally.report(), ...disorder };
}

/** Has somebody at random say something, at an even pace whatever the answers take. */
async function talk(options: LoadOptions, talkers: readonly Talker[], tally: Tally): Promise<void> {
  const run = randomUUID();
  const start = performance.now();
  const total = options.seconds * options.rate;
  const answers: Promise<void>[] = [];
  for (let number = 0; number < total; number += 1) {
    const waitMs = start + (number * 1000) / options.rate - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    const talker = talkers[Math.floor(Math.random() * talkers.length)];
    const place = talker?.places[Math.floor(Math.random() * talker.places.length)];
    if (talker === undefined || place === undefined) continue;
    const text = toLoadText(run, talker.number, number);
    tally.say(text, place.audience);
    const sent = talker.client.send(place.conversationId, { kind: 'text', text });
    answers.push(
      sent.then(({ type }) => {
        if (type === 'sent') tally.store(text);
        else tally.refuse();
      }),
    );
  }
  await Promise.race([Promise.all(answers), sleep(patienceMs, undefined, { ref: false })]);
}

/** Waits until everything has come up everywhere, or nothing more is to be expected. */
async function settle(talkers: readonly Talker[], tally: Tally): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!tally.isComplete && performance.now() < deadline) {
    await sleep(3000);
    if (tally.isComplete) return;
    // As a page does once a minute.
    for (const { client } of talkers) client.say({ type: 'sync' });
  }
}
