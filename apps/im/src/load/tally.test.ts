import { expect, test } from 'vitest';
import type { Message } from '../../shared/model.ts';
import { Tally, toLoadText } from './tally.ts';

function message(text: string, id: string, senderId = 'ann'): Message {
  const content = { kind: 'text', text } as const;
  return { id, conversationId: '1', seq: 1, senderId, clientId: id, sentAt: 0, content };
}

const [first, second] = [toLoadText('run', 0, 1), toLoadText('run', 0, 2)];

test('what is stored and comes up on every screen once is neither lost nor doubled', () => {
  const clock = { now: 0 };
  const tally = new Tally(100, () => clock.now);
  tally.say(first, [0, 1]);
  tally.store(first);
  expect(tally.isComplete).toBe(false);
  clock.now = 40;
  tally.show(0, message(first, 'a'));
  clock.now = 140;
  tally.show(1, message(first, 'a'));
  tally.show(1, message('something older', 'x'));
  expect(tally.isComplete).toBe(true);
  expect(tally.report()).toEqual({
    ...{ said: 1, stored: 1, refused: 0, seen: 2, lost: 0, doubled: 0, reordered: 0, late: 1 },
    latencyMs: { p50: 40, p99: 40, max: 140 },
  });
});

test('what is missing on a screen is lost; what is refused is not', () => {
  const tally = new Tally(100);
  tally.say(first, [0, 1, 2]);
  tally.store(first);
  tally.show(0, message(first, 'a'));
  tally.say(second, [0, 1, 2]);
  tally.refuse();
  expect(tally.report()).toMatchObject({ said: 2, stored: 1, refused: 1, lost: 2 });
});

test('what is twice on a screen, or stored twice, is doubled', () => {
  const tally = new Tally(100);
  for (const text of [first, second]) tally.say(text, [0]);
  tally.show(0, message(first, 'a'));
  tally.show(0, message(first, 'a'));
  expect(tally.report().doubled).toBe(1);
  tally.show(0, message(second, 'b'));
  tally.show(1, message(second, 'c'));
  expect(tally.report().doubled).toBe(2);
});

test('what one sender has said in another order is reordered', () => {
  const tally = new Tally(100);
  for (const text of [first, second]) tally.say(text, [0, 1]);
  tally.show(0, message(second, 'b'));
  tally.show(0, message(first, 'a'));
  tally.show(1, message(first, 'a'));
  tally.show(1, message(second, 'b'));
  expect(tally.report().reordered).toBe(1);
});
