import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClientNumbers } from './client-numbers.ts';

test('client numbers: a number is taken once, and may jump', () => {
  const numbers = new ClientNumbers();
  expect([1, 2, 2, 1, 9, 3, 10].map((number) => numbers.take(number))).toEqual([
    ...[true, true, false, false, true, false, true],
  ]);
  expect(numbers.received).toBe(10);
});

test('client numbers: an ack tells the highest message that it covers', () => {
  const numbers = new ClientNumbers();
  numbers.addEvent();
  numbers.take(1);
  numbers.take(2);
  numbers.addResumed();
  numbers.addEvent();
  expect(numbers.acknowledge(1)).toEqual({ handled: 0, hasResumed: false });
  expect(numbers.acknowledge(2)).toEqual({ handled: 2, hasResumed: false });
  expect(numbers.acknowledge(1)).toEqual({ handled: 0, hasResumed: true });
  expect(numbers.handled).toBe(2);
  expect(numbers.inFlight).toEqual([0]);
});

test('client numbers: more acks than events settle all events', () => {
  const numbers = new ClientNumbers();
  numbers.take(1);
  expect(numbers.acknowledge(5)).toEqual({ handled: 1, hasResumed: false });
  expect(numbers.acknowledge(1)).toEqual({ handled: 0, hasResumed: false });
});

test('client numbers: the events of a dead worker are settled, those kept stay', () => {
  const numbers = new ClientNumbers();
  for (const number of [1, 2, 3]) numbers.take(number);
  // Events that are lost count as handled: the client must not send them again.
  expect(numbers.keep(1)).toEqual({ handled: 2, hasResumed: false });
  expect(numbers.inFlight).toEqual([3]);
  expect(numbers.keep(2)).toEqual({ handled: 0, hasResumed: false });
});

test('client numbers: held events were not sent to a worker', () => {
  const numbers = new ClientNumbers();
  for (const number of [1, 2, 5]) numbers.take(number);
  numbers.addEvent();
  expect(numbers.sentToWorkers(0)).toBe(5);
  // The held ones are 5 and the event: what the worker has is up to 4.
  expect(numbers.sentToWorkers(2)).toBe(4);
  expect(numbers.sentToWorkers(1)).toBe(5);
  expect(numbers.sentToWorkers(4)).toBe(0);
});

test('client numbers: another process continues with them', () => {
  const before = new ClientNumbers();
  for (const number of [1, 2, 3]) before.take(number);
  before.acknowledge(1);
  const after = new ClientNumbers();
  after.restore(before.received, before.inFlight);
  expect([after.received, after.handled, after.take(3), after.take(4)]).toEqual([
    3,
    1,
    false,
    true,
  ]);
  expect(after.acknowledge(2)).toEqual({ handled: 3, hasResumed: false });
  // The list is a copy.
  expect(before.inFlight).toEqual([2, 3]);
});

/** What may happen to the numbers of a client. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('take' as const), ahead: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'again' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'event' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'resumed' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ack' as const), count: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('keep' as const), count: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'move' as const }) },
);

test('client numbers: each message is settled once and in order, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      let numbers = new ClientNumbers();
      /** The events that are not settled, as the test knows them. */
      let open: (number | 'event' | 'resumed')[] = [];
      let last = 0;
      let highest = 0;
      const settle = (count: number): { handled: number; hasResumed: boolean } => {
        const settled = open.slice(0, count);
        open = open.slice(count);
        const handled = settled.filter((entry) => typeof entry === 'number').at(-1) ?? 0;
        highest = Math.max(highest, handled);
        return { handled, hasResumed: settled.includes('resumed') };
      };
      for (const one of steps) {
        if (one.kind === 'take') {
          last += 1 + one.ahead;
          expect(numbers.take(last)).toBe(true);
          open.push(last);
        } else if (one.kind === 'again') {
          if (last > 0) expect(numbers.take(last)).toBe(false);
        } else if (one.kind === 'event') {
          numbers.addEvent();
          open.push('event');
        } else if (one.kind === 'resumed') {
          numbers.addResumed();
          open.push('resumed');
        } else if (one.kind === 'ack') {
          expect(numbers.acknowledge(one.count)).toEqual(settle(one.count));
        } else if (one.kind === 'keep') {
          expect(numbers.keep(one.count)).toEqual(settle(Math.max(0, open.length - one.count)));
        } else {
          const next = new ClientNumbers();
          next.restore(numbers.received, numbers.inFlight);
          numbers = next;
        }
        expect(numbers.received).toBe(last);
        expect(numbers.inFlight).toHaveLength(open.length);
        // Never ahead of what is settled, apart from numbers that were left out.
        const oldest = open.find((entry) => typeof entry === 'number');
        if (oldest === undefined) expect(numbers.handled).toBeLessThanOrEqual(last);
        else expect(numbers.handled).toBeLessThan(oldest);
        expect(numbers.handled).toBeGreaterThanOrEqual(highest);
      }
      const left = open.length;
      expect(numbers.acknowledge(left)).toEqual(settle(left));
    }),
  );
});
