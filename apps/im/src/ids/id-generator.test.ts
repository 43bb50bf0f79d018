import fc from 'fast-check';
import { expect, test } from 'vitest';
import { epochMs, IdGenerator, isId, parseId } from './id-generator.ts';

const start = epochMs + 1_000_000;

/** Readings of a clock that also steps back, one per id, in milliseconds from the start. */
const turns = fc.array(fc.integer({ min: -20_000, max: 20_000 }), { minLength: 1, maxLength: 200 });

function generator(turnsOfClock: readonly number[], node = 1, untilMs = Number.MAX_SAFE_INTEGER) {
  let turn = 0;
  const ids = new IdGenerator(() => start + (turnsOfClock[turn++ % turnsOfClock.length] ?? 0));
  ids.use({ node, afterMs: 0, untilMs });
  return ids;
}

test('id generator: an id consists of time, node and sequence', () => {
  const ids = generator([0, 0, 5], 1023);
  const made = [ids.next(), ids.next(), ids.next()];
  expect(made.map(parseId)).toEqual([
    { ms: start, node: 1023, sequence: 0 },
    { ms: start, node: 1023, sequence: 1 },
    { ms: start + 5, node: 1023, sequence: 0 },
  ]);
  expect(made.every(isId)).toBe(true);
});

test('id generator: ids increase strictly, wherever the clock steps', () => {
  fc.assert(
    fc.property(turns, (steps) => {
      const ids = generator(steps);
      const made = Array.from({ length: 300 }, () => BigInt(ids.next()));
      for (const [index, id] of made.entries()) {
        if (index > 0) expect(id > (made[index - 1] ?? id)).toBe(true);
      }
    }),
  );
});

test('id generator: the time of an id is the latest reading of the clock', () => {
  fc.assert(
    fc.property(turns, (steps) => {
      const ids = generator(steps);
      const made = steps.map(() => parseId(ids.next()).ms);
      const latest = steps.map((_, index) => start + Math.max(...steps.slice(0, index + 1)));
      expect(made).toEqual(latest);
    }),
  );
});

test('id generator: different nodes never create the same id', () => {
  fc.assert(
    fc.property(turns, turns, (one, other) => {
      const [left, right] = [generator(one, 3), generator(other, 4)];
      const made = new Set<string>();
      for (let count = 0; count < 200; count += 1) made.add(left.next()).add(right.next());
      expect(made.size).toBe(400);
    }),
  );
});

test('id generator: successive holders of a node never create the same id', () => {
  fc.assert(
    fc.property(fc.array(turns, { minLength: 2, maxLength: 5 }), (holders) => {
      const made = new Set<string>();
      let count = 0;
      let horizon = 0;
      for (const steps of holders) {
        let turn = 0;
        const ids = new IdGenerator(() => start + (steps[turn++ % steps.length] ?? 0));
        const untilMs = Math.max(start, horizon) + 30_000;
        ids.use({ node: 7, afterMs: horizon, untilMs });
        for (let step = 0; step < 50; step += 1) {
          made.add(ids.next());
          count += 1;
        }
        horizon = untilMs;
      }
      expect(made.size).toBe(count);
    }),
  );
});

test('id generator: id 4,097 of a millisecond borrows from the next one', () => {
  const ids = generator([0]);
  for (let count = 0; count < 4096; count += 1) ids.next();
  expect(parseId(ids.next())).toEqual({ ms: start + 1, node: 1, sequence: 0 });
});

test('id generator: throws at the end of its range, continues with a new one', () => {
  const ids = generator([0], 1, start);
  for (let count = 0; count < 4096; count += 1) ids.next();
  expect(() => ids.next()).toThrow('lease of this server has expired');
  expect(() => ids.next()).toThrow('lease of this server has expired');
  ids.use({ node: 2, afterMs: start, untilMs: start + 10 });
  expect(parseId(ids.next())).toEqual({ ms: start + 1, node: 2, sequence: 0 });
  ids.use(undefined);
  expect(() => ids.next()).toThrow('no node number');
});

test('isId: accepts only canonical decimal 64-bit numbers', () => {
  for (const id of ['1', '18446744073709551615']) expect(isId(id)).toBe(true);
  for (const other of ['', '0', '01', '-1', '1.0', '18446744073709551616', '1e3', ' 1', 1, null]) {
    expect(isId(other)).toBe(false);
  }
});
