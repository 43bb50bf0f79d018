import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Message } from '../../shared/model.ts';
import { ConversationLog } from './conversation-log.ts';

function message(seq: number): Message {
  const content = { kind: 'text', text: `${seq}` } as const;
  return {
    id: `${seq}`,
    conversationId: '1',
    seq,
    senderId: '2',
    clientId: null,
    sentAt: 0,
    content,
  };
}

test('conversation log: every order of arrival gives each message once', () => {
  const numbers = Array.from({ length: 12 }, (_, index) => index + 1);
  const arrivals = fc
    .shuffledSubarray([...numbers, ...numbers], { minLength: 24 })
    .map((all) => all.map(message));
  fc.assert(
    fc.property(arrivals, (all) => {
      const log = new ConversationLog(0);
      const shown = all.flatMap((one) => {
        const placed = log.place(one);
        return placed.outcome === 'next' ? placed.messages : [];
      });
      expect(shown.map(({ seq }) => seq)).toEqual(numbers);
      expect(log).toMatchObject({ have: 12, hasGap: false });
    }),
  );
});

test('conversation log: a message after a gap waits, and hasGap is true', () => {
  const log = new ConversationLog(5);
  expect(log.place(message(5))).toEqual({ outcome: 'repeated' });
  expect(log.place(message(8))).toEqual({ outcome: 'early' });
  expect(log.place(message(8))).toEqual({ outcome: 'repeated' });
  expect(log.hasGap).toBe(true);
  expect(log.place(message(6))).toMatchObject({ outcome: 'next', messages: [{ seq: 6 }] });
  expect(log.place(message(7))).toMatchObject({ messages: [{ seq: 7 }, { seq: 8 }] });
  expect(log.have).toBe(8);
});
