import { expect, test } from 'vitest';
import { linkTiming } from './link-timing.ts';

test('link timing: the heartbeat is 10 s and the grace 2 s by default', () => {
  expect(linkTiming).toEqual({ heartbeatMs: 10_000, resumeGraceMs: 2000 });
});
