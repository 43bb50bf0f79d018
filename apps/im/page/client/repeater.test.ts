import { expect, test } from 'vitest';
import { Repeater } from './repeater.ts';

test('what is asked for while it runs is one more run behind it', async () => {
  const ends: (() => void)[] = [];
  const repeater = new Repeater(() => new Promise((resolve) => ends.push(resolve)));
  const end = async () => {
    ends.at(-1)?.();
    // The run behind it begins once the promise of this one is settled.
    await new Promise((resolve) => setTimeout(resolve));
  };
  repeater.run();
  repeater.run();
  repeater.run();
  expect(ends).toHaveLength(1);
  await end();
  expect(ends).toHaveLength(2);
  await end();
  expect(ends).toHaveLength(2);
  repeater.run();
  expect(ends).toHaveLength(3);
});
