import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pass, start, useVirtualTime } from './client.fixture.ts';
import { ClientError } from './client-error.ts';

useVirtualTime();

/** What may happen in a schedule. */
type Step =
  | { readonly kind: 'send' | 'request' | 'push' | 'drop' | 'goAway' | 'forget' | 'supersede' }
  | { readonly kind: 'pass'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Step>({ kind: 'send' }, { kind: 'push' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'request' }) },
  { weight: 3, arbitrary: fc.constantFrom<Step>({ kind: 'drop' }, { kind: 'goAway' }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ kind: 'forget' }, { kind: 'supersede' }) },
);

/** Numbered messages in both directions, and what became of them. */
async function play(steps: readonly Step[]) {
  const requested: unknown[] = [];
  const onRequest = (_type: string, data: unknown): unknown => {
    requested.push(data);
    return data;
  };
  const { client, events, messages, server } = start({ latencyMs: 10, onRequest });
  /** The first message of each session that the client has opened. */
  const outcomes = new Map<number, string>();
  let nextSent = 0;
  let nextPushed = 0;
  let sessionLosses = 0;
  const observe = (number: number, call: Promise<unknown>): void => {
    outcomes.set(number, 'pending');
    call.then(
      () => outcomes.set(number, 'fulfilled'),
      (error: unknown) =>
        outcomes.set(number, error instanceof ClientError ? error.code : String(error)),
    );
  };
  const isConnected = (): boolean => server.sockets.length > 0;
  const run = (one: Step): void => {
    switch (one.kind) {
      case 'send':
        observe(nextSent, client.send(nextSent));
        nextSent += 1;
        break;
      case 'request':
        observe(nextSent, client.request('echo', nextSent, { timeoutMs: 1e6 }));
        nextSent += 1;
        break;
      case 'push':
        server.send(nextPushed);
        nextPushed += 1;
        break;
      case 'drop':
        if (isConnected()) server.drop();
        break;
      case 'goAway':
        server.goAway(0, 30);
        break;
      case 'forget':
        sessionLosses += 1;
        server.forgetSessions();
        if (isConnected()) server.drop();
        break;
      case 'supersede':
        sessionLosses += 1;
        if (isConnected()) server.drop(4450);
        break;
      case 'pass':
        break;
    }
  };
  for (const one of steps) {
    run(one);
    await pass(one.kind === 'pass' ? one.ms : 0);
  }
  await pass(120_000);
  const state = client.state;
  client.close();
  await pass();
  return { events, messages, outcomes, requested, sent: server.messages, sessionLosses, state };
}

function isRising(values: readonly unknown[]): boolean {
  return values.every((value, index) => index === 0 || Number(value) > Number(values[index - 1]));
}

test('random schedules: every message arrives exactly once or is reported', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const result = await play(steps);
      expect(result.state).toBe('open');
      const handled = [...result.sent, ...result.requested].map(Number);
      // Both directions: in order, and never twice.
      expect(isRising(result.sent)).toBe(true);
      expect(isRising(result.requested)).toBe(true);
      expect(isRising(result.messages)).toBe(true);
      for (const [number, outcome] of result.outcomes) {
        // Every call settles, and one that is fulfilled was handled.
        expect(['fulfilled', 'session-lost']).toContain(outcome);
        if (outcome === 'fulfilled') expect(handled).toContain(number);
      }
      if (result.sessionLosses === 0) {
        expect([...result.outcomes.values()].every((value) => value === 'fulfilled')).toBe(true);
        expect(handled.sort((a, b) => a - b)).toEqual([...result.outcomes.keys()]);
      }
    }),
    { numRuns: 200 },
  );
});

test('random schedules: without a lost session, every push after the welcome arrives', async () => {
  const kept = step.filter(({ kind }) => kind !== 'forget' && kind !== 'supersede');
  await fc.assert(
    fc.asyncProperty(fc.array(kept, { maxLength: 60 }), async (steps) => {
      const opening: Step = { kind: 'pass', ms: 100 };
      const result = await play([opening, ...steps]);
      const pushed = steps.filter(({ kind }) => kind === 'push').length;
      expect(result.messages).toEqual(Array.from({ length: pushed }, (_, index) => index));
      const opened = result.events.filter(([name]) => name === 'open');
      expect(opened.slice(1).every(([, event]) => Reflect.get(Object(event), 'resumed'))).toBe(
        true,
      );
    }),
    { numRuns: 200 },
  );
});
