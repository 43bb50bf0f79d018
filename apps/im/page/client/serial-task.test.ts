import { expect, test } from 'vitest';
import { SerialTask } from './serial-task.ts';

test('serial task: calls during a run are merged into one more run', async () => {
  const ends: (() => void)[] = [];
  const task = new SerialTask(() => new Promise((resolve) => ends.push(resolve)));
  const end = async () => {
    ends.at(-1)?.();
    // The next run starts after the promise of this one has settled.
    await new Promise((resolve) => setTimeout(resolve));
  };
  task.run();
  task.run();
  task.run();
  expect(ends).toHaveLength(1);
  await end();
  expect(ends).toHaveLength(2);
  await end();
  expect(ends).toHaveLength(2);
  task.run();
  expect(ends).toHaveLength(3);
});
