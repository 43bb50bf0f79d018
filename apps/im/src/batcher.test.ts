import { expect, test } from 'vitest';
import { Batcher } from './batcher.ts';

function batcher(options: { maxBatch?: number; maxWaiting?: number } = {}) {
  const batches: number[][] = [];
  const queue = new Batcher<number, string>({
    ...{ delayMs: 0, maxBatch: 3, maxWaiting: 100, ...options },
    async run(items) {
      batches.push([...items]);
      if (items.includes(13)) throw new Error('unlucky');
      return items.map((item) => (item < 0 ? new Error(`${item} is negative`) : `<${item}>`));
    },
  });
  return { batches, queue };
}

test('batcher: items are handled in batches, in order, each with its own result', async () => {
  const { batches, queue } = batcher();
  const results = await Promise.allSettled([1, 2, -3, 4].map((item) => queue.add(item)));
  expect(batches).toEqual([[1, 2, -3], [4]]);
  expect(results).toMatchObject([
    { value: '<1>' },
    { value: '<2>' },
    { reason: { message: '-3 is negative' } },
    { value: '<4>' },
  ]);
});

test('batcher: an exception fails all items of the batch, the next batch succeeds', async () => {
  const { queue } = batcher();
  const results = await Promise.allSettled([1, 13, 2, 4].map((item) => queue.add(item)));
  expect(results.map(({ status }) => status)).toEqual([
    ...['rejected', 'rejected', 'rejected', 'fulfilled'],
  ]);
  expect(await queue.add(5)).toBe('<5>');
});

test('batcher: more than maxWaiting items are refused as busy', async () => {
  const { queue } = batcher({ maxWaiting: 2 });
  const results = await Promise.allSettled([1, 2, 3].map((item) => queue.add(item)));
  expect(results[2]).toMatchObject({ reason: { code: 'busy', retryAfterMs: 1000 } });
  expect(results.slice(0, 2)).toMatchObject([{ value: '<1>' }, { value: '<2>' }]);
});

test('batcher: an item added during a batch is handled in the next one', async () => {
  const { batches, queue } = batcher();
  const first = queue.add(1).then(() => queue.add(3));
  const second = queue.add(2);
  await queue.drain();
  expect(await Promise.all([first, second])).toEqual(['<3>', '<2>']);
  await queue.drain();
  expect(batches).toEqual([[1, 2], [3]]);
});
