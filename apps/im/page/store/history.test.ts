import { expect, test } from 'vitest';
import {
  createHistory,
  firstOf,
  type History,
  placeMessage,
  placeNewer,
  placeOlder,
  restart,
  trim,
} from './history.ts';
import { message, messages } from './samples.fixture.ts';

const seqs = (history: History) => history.messages.map(({ seq }) => seq);
const three = placeNewer(createHistory(0, null), messages(1, 3));

test('history: every order of arrival gives each message once, in order', () => {
  // All orders of four messages, each delivered twice.
  const orders = permute([1, 2, 3, 4]);
  expect(orders).toHaveLength(24);
  for (const order of orders) {
    const history = [...order, ...order].reduce(
      (before, seq) => placeMessage(before, message(seq)),
      createHistory(0, null),
    );
    expect(seqs(history)).toEqual([1, 2, 3, 4]);
    expect(history).toMatchObject({ have: 4, early: [] });
  }
});

test('history: a message after a gap waits until the gap is closed', () => {
  const gap = placeMessage(three, message(6));
  expect(seqs(gap)).toEqual([1, 2, 3]);
  expect(gap.early.map(({ seq }) => seq)).toEqual([6]);
  const closed = placeNewer(gap, messages(4, 5));
  expect(seqs(closed)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(closed.early).toEqual([]);
});

test('history: known messages change nothing', () => {
  expect(placeMessage(three, message(2))).toBe(three);
  expect(placeNewer(three, messages(1, 3))).toBe(three);
  const gap = placeMessage(three, message(6));
  expect(placeMessage(gap, message(6))).toBe(gap);
});

test('history: an overlapping page adds only missing messages', () => {
  expect(seqs(placeNewer(three, messages(2, 5)))).toEqual([1, 2, 3, 4, 5]);
});

test('history: older messages are added if they end before the first one', () => {
  const newest = createHistory(10, message(10));
  expect(firstOf(newest)).toBe(10);
  const older = placeOlder(newest, messages(6, 9));
  expect(seqs(older)).toEqual([6, 7, 8, 9, 10]);
  expect(placeOlder(older, messages(2, 4))).toBe(older);
  expect(placeOlder(older, messages(6, 9))).toBe(older);
});

test('history: the first of an empty history is the next message', () => {
  expect(firstOf(createHistory(7, null))).toBe(8);
});

test('history: created with a newest message, ends with it, without duplicates', () => {
  for (const lastSeq of [5, 6, 7]) {
    const begun = createHistory(lastSeq, message(6));
    expect(begun.have).toBe(6);
    expect(seqs(placeMessage(placeMessage(begun, message(6)), message(7)))).toEqual([6, 7]);
    expect(seqs(placeNewer(begun, messages(6, 8)))).toEqual([6, 7, 8]);
  }
});

test('history: the newest page replaces old messages and keeps early ones', () => {
  const behind = placeMessage(three, message(502));
  const newest = restart(behind, messages(490, 501));
  expect(seqs(newest)).toEqual([...messages(490, 502)].map(({ seq }) => seq));
  expect(newest).toMatchObject({ have: 502, early: [] });
});

test('history: an outdated newest page changes nothing', () => {
  expect(restart(three, messages(1, 2))).toBe(three);
});

test('history: a page that starts after a gap replaces the loaded messages', () => {
  expect(seqs(placeNewer(three, messages(8, 9)))).toEqual([8, 9]);
});

test('history: trim keeps the newest messages', () => {
  const trimmed = trim(three, 2);
  expect(seqs(trimmed)).toEqual([2, 3]);
  expect(trimmed.have).toBe(3);
  expect(trim(three, 3)).toBe(three);
});

function permute(values: readonly number[]): number[][] {
  if (values.length <= 1) return [[...values]];
  return values.flatMap((value) =>
    permute(values.filter((other) => other !== value)).map((rest) => [value, ...rest]),
  );
}
