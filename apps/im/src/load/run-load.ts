import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadOptions } from './load-options.ts';
import { populate, type VirtualUser } from './population.ts';
import { Tally, type TallyReport, toLoadText } from './tally.ts';

/** Maximum wait for outstanding answers and deliveries, in milliseconds. */
const drainTimeoutMs = 30_000;

/** Interval at which a device sends its marks, in milliseconds. */
const marksMs = 1000;

/** Report of a load. */
export interface LoadReport extends TallyReport {
  /** Deliveries that were repeated, or early before a missing one. The clients correct both. */
  readonly repeated: number;
  readonly early: number;
}

/** Sends messages as many users of a running messenger, and counts the deliveries. */
export async function runLoad(
  options: LoadOptions,
  print: (line: string) => void,
): Promise<LoadReport> {
  const tally = new Tally(options.lateMs);
  const disorder = { repeated: 0, early: 0 };
  /** Newest message since the last marks, by user and conversation. */
  const unmarked = new Map<
    string,
    { readonly user: number; readonly conversationId: string; seq: number }
  >();
  const users = await populate(options, {
    onMessage(user, message) {
      tally.recordShown(user, message);
      const { conversationId, seq } = message;
      unmarked.set(`${user} ${conversationId}`, { user, conversationId, seq });
    },
    onDisorder: (kind) => {
      disorder[kind] += 1;
    },
    onProgress: (what, done) => print(`${what}: ${done}`),
  });
  const marks = setInterval(() => {
    for (const { user, conversationId, seq } of unmarked.values()) {
      // Every third user reads messages at once; for the others they are only delivered.
      const type = user % 3 === 0 ? 'read' : 'delivered';
      users[user]?.client.transmit({ type, conversationId, seq });
    }
    unmarked.clear();
  }, marksMs);
  print(`sending for ${options.seconds} s, ${options.rate} messages per second`);
  await sendMessages(options, users, tally);
  await waitForDeliveries(users, tally);
  clearInterval(marks);
  await Promise.all(users.map(({ client }) => client.close()));
  return { ...tally.report(), ...disorder };
}

/** Sends from random users at a constant rate, without waiting for the answers. */
async function sendMessages(
  options: LoadOptions,
  users: readonly VirtualUser[],
  tally: Tally,
): Promise<void> {
  const run = randomUUID();
  const start = performance.now();
  const total = options.seconds * options.rate;
  const answers: Promise<void>[] = [];
  for (let number = 0; number < total; number += 1) {
    const waitMs = start + (number * 1000) / options.rate - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    const user = users[Math.floor(Math.random() * users.length)];
    const target = user?.targets[Math.floor(Math.random() * user.targets.length)];
    if (user === undefined || target === undefined) continue;
    const text = toLoadText(run, user.number, number);
    tally.recordSent(text, target.audience);
    const sent = user.client.send(target.conversationId, { kind: 'text', text });
    answers.push(
      sent.then(({ type }) => {
        if (type === 'sent') tally.recordStored(text);
        else tally.recordRefused();
      }),
    );
  }
  await Promise.race([Promise.all(answers), sleep(drainTimeoutMs, undefined, { ref: false })]);
}

/** Waits until every stored message was delivered to every receiver, or the timeout. */
async function waitForDeliveries(users: readonly VirtualUser[], tally: Tally): Promise<void> {
  const deadline = performance.now() + drainTimeoutMs;
  while (!tally.isComplete && performance.now() < deadline) {
    await sleep(3000);
    if (tally.isComplete) return;
    // Finds messages that were stored but not delivered, as the page does once a minute.
    for (const { client } of users) client.transmit({ type: 'sync' });
  }
}
