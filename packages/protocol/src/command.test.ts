import { expect, test } from 'vitest';
import { Command, commands } from './command.ts';

test('Command: every number is one byte, and unique', () => {
  const numbers = Object.values(Command);
  expect(numbers).toEqual(Object.values(commands).map(({ number }) => number));
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(
    numbers.filter((number) => !Number.isInteger(number) || number < 1 || number > 255),
  ).toEqual([]);
});

test('commands: each has either fields or a layout', () => {
  const wrong = Object.entries(commands).filter(
    ([, command]) => 'fields' in command === 'layout' in command,
  );
  expect(wrong).toEqual([]);
});
