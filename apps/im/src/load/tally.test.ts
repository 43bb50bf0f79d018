import { expect, test } from 'vitest';
import type { Message } from '../../shared/model.ts';
import { Tally, toLoadText } from './tally.ts';

function message(text: string, id: string, senderId = 'ann'): Message {
  const content = { kind: 'text', text } as const;
  return { id, conversationId: '1', seq: 1, senderId, clientId: id, sentAt: 0, content };
}

const [first, second] = [toLoadText('run', 0, 1), toLoadText('run', 0, 2)];

test('tally: stored and delivered once to each receiver, nothing is lost or duplicated', () => {
  const clock = { now: 0 };
  const tally = new Tally(100, () => clock.now);
  tally.recordSent(first, [0, 1]);
  tally.recordStored(first);
  expect(tally.isComplete).toBe(false);
  clock.now = 40;
  tally.recordShown(0, message(first, 'a'));
  clock.now = 140;
  tally.recordShown(1, message(first, 'a'));
  tally.recordShown(1, message('something older', 'x'));
  expect(tally.isComplete).toBe(true);
  expect(tally.report()).toEqual({
    ...{ sent: 1, stored: 1, refused: 0, shown: 2, lost: 0, duplicated: 0, reordered: 0, late: 1 },
    latencyMs: { p50: 40, p99: 40, max: 140 },
  });
});

test('tally: a missing delivery counts as lost, a refused message does not', () => {
  const tally = new Tally(100);
  tally.recordSent(first, [0, 1, 2]);
  tally.recordStored(first);
  tally.recordShown(0, message(first, 'a'));
  tally.recordSent(second, [0, 1, 2]);
  tally.recordRefused();
  expect(tally.report()).toMatchObject({ sent: 2, stored: 1, refused: 1, lost: 2 });
});

test('tally: delivered twice or stored twice counts as duplicated', () => {
  const tally = new Tally(100);
  for (const text of [first, second]) tally.recordSent(text, [0]);
  tally.recordShown(0, message(first, 'a'));
  tally.recordShown(0, message(first, 'a'));
  expect(tally.report().duplicated).toBe(1);
  tally.recordShown(0, message(second, 'b'));
  tally.recordShown(1, message(second, 'c'));
  expect(tally.report().duplicated).toBe(2);
});

test('tally: messages of one sender in another order count as reordered', () => {
  const tally = new Tally(100);
  for (const text of [first, second]) tally.recordSent(text, [0, 1]);
  tally.recordShown(0, message(second, 'b'));
  tally.recordShown(0, message(first, 'a'));
  tally.recordShown(1, message(first, 'a'));
  tally.recordShown(1, message(second, 'b'));
  expect(tally.report().reordered).toBe(1);
});
