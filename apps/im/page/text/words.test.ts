import { expect, test } from 'vitest';
import { count, isEmojiOnly, list } from './words.ts';

test('isEmojiOnly: true for one to five emoji without other text', () => {
  for (const text of ['🐧', '☕ 🎉', '👩‍💻', '🇩🇪', '❤️'])
    expect([text, isEmojiOnly(text)]).toEqual([text, true]);
  for (const text of ['', ' ', '1', '#', '🐧!', 'ok 🎉', '🐧'.repeat(6), 'a']) {
    expect([text, isEmojiOnly(text)]).toEqual([text, false]);
  }
});

test('words: count and list', () => {
  expect(count(1, 'member')).toBe('1 member');
  expect(count(1200, 'member')).toBe('1,200 members');
  expect(list(['Ada', 'Grace', 'Tom'])).toBe('Ada, Grace and Tom');
  expect(list(['Ada'])).toBe('Ada');
});
