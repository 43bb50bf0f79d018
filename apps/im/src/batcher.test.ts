import { expect, test } from 'vitest';
import { Batcher } from './batcher.ts';

function batcher(options: { maxBatch?: number; maxWaiting?: number } = {}) {
  const batches: number[][] = [];
  const gathering = new Batcher<number, string>({
    ...{ delayMs: 0, maxBatch: 3, maxWaiting: 100, ...options },
    async run(items) {
      batches.push([...items]);
      if (items.includes(13)) throw new Error('unlucky');
      return items.map((item) => (item < 0 ? new Error(`${item} is negative`) : `<${item}>`));
    },
  });
  return { batches, gathering };
}

test('items are handled together, in order, and each gets its own result', async () => {
  const { batches, gathering } = batcher();
  const results = await Promise.allSettled([1, 2, -3, 4].map((item) => gathering.add(item)));
  expect(batches).toEqual([[1, 2, -3], [4]]);
  expect(results).toMatchObject([
    { value: '<1>' },
    { value: '<2>' },
    { reason: { message: '-3 is negative' } },
    { value: '<4>' },
  ]);
});

test('a batch that fails fails for all of its items, and the next one goes on', async () => {
  const { gathering } = batcher();
  const results = await Promise.allSettled([1, 13, 2, 4].map((item) => gathering.add(item)));
  expect(results.map(({ status }) => status)).toEqual([
    ...['rejected', 'rejected', 'rejected', 'fulfilled'],
  ]);
  expect(await gathering.add(5)).toBe('<5>');
});

test('no more than so many wait', async () => {
  const { gathering } = batcher({ maxWaiting: 2 });
  const results = await Promise.allSettled([1, 2, 3].map((item) => gathering.add(item)));
  expect(results[2]).toMatchObject({ reason: { code: 'busy', retryAfterMs: 1000 } });
  expect(results.slice(0, 2)).toMatchObject([{ value: '<1>' }, { value: '<2>' }]);
});

test('what comes while a batch is handled is handled after it', async () => {
  const { batches, gathering } = batcher();
  const first = gathering.add(1).then(() => gathering.add(3));
  const second = gathering.add(2);
  await gathering.drain();
  expect(await Promise.all([first, second])).toEqual(['<3>', '<2>']);
  await gathering.drain();
  expect(batches).toEqual([[1, 2], [3]]);
});
