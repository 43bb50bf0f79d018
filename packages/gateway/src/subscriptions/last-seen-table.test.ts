import { expect, test } from 'vitest';
import { LastSeenTable } from './last-seen-table.ts';

/** The uids of each batch. */
function uidsOf(table: LastSeenTable, since?: number): string[][] {
  return Array.from(table.batches(since), (batch) => batch.map(([uid]) => uid));
}

test('LastSeenTable: keeps the latest end of a connection', () => {
  const table = new LastSeenTable();
  table.record('anna', 5000);
  table.record('bob', 1000);
  table.record('bob', 9000);
  expect(table.agoMs('anna')).toBeGreaterThanOrEqual(5000);
  expect(table.agoMs('bob')).toBeLessThan(5000);
  expect(table.agoMs('eve')).toBeUndefined();
});

test.each([
  { uids: 2, characters: 100 },
  { uids: 100, characters: 2 },
])('LastSeenTable: evicts the uid that was recorded first, with $uids uids', (limits) => {
  const table = new LastSeenTable(limits);
  for (const uid of ['a', 'b', 'a', 'c']) table.record(uid, 0);
  expect(table.size).toBe(2);
  expect(table.agoMs('b')).toBeUndefined();
  expect(table.agoMs('a')).toBeDefined();
});

test('LastSeenTable: lists its entries in batches, or only the latest ones', () => {
  const table = new LastSeenTable();
  for (let number = 0; number < 5001; number += 1) table.record(`u${number}`, 1000);
  expect(uidsOf(table).map(({ length }) => length)).toEqual([5000, 1]);
  const since = performance.now();
  table.record('late', 0);
  table.record('early', 1000);
  expect(uidsOf(table, since)).toEqual([['late']]);
});
