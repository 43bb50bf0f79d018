import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PacedLog } from './paced-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function create(): { log: PacedLog; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { peer, leftOut, msg } = JSON.parse(chunk.toString());
      lines.push({ peer, leftOut, msg });
      done();
    },
  });
  return { log: new PacedLog(pino(stream), 'refused'), lines };
}

test('what happens once is written at once, and nothing follows', () => {
  const { log, lines } = create();
  log.warn({ peer: 'a' });
  vi.advanceTimersByTime(10_000);
  expect(lines).toEqual([{ peer: 'a', msg: 'refused' }]);
  expect(vi.getTimerCount()).toBe(0);
  log.warn({ peer: 'b' });
  expect(lines).toHaveLength(2);
});

test('a flood has one line a second, and each that was left out is counted', () => {
  const { log, lines } = create();
  for (let ms = 0; ms < 5000; ms += 10) {
    log.warn({ peer: ms });
    vi.advanceTimersByTime(10);
  }
  expect(lines).toHaveLength(6);
  expect(lines[1]).toEqual({ peer: 990, leftOut: 98, msg: 'refused' });
  const counted = lines.reduce((sum, { leftOut }) => sum + 1 + Number(leftOut ?? 0), 0);
  expect(counted).toBe(500);
});

test('what waits is written at the end', () => {
  const { log, lines } = create();
  for (const peer of ['a', 'b', 'c']) log.warn({ peer });
  log.close();
  expect(lines.slice(1)).toEqual([{ peer: 'c', leftOut: 1, msg: 'refused' }]);
  expect(vi.getTimerCount()).toBe(0);
});
