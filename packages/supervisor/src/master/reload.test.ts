import { expect, test } from 'vitest';
import { formatReloadStep, parseReloadStep, type ReloadStep } from './reload.ts';

const replaced: ReloadStep = {
  step: 'replaced',
  process: 'chat-worker #0',
  oldPid: 4711,
  newPid: 4723,
  afterMs: 512,
};

test('reload step: is formatted as one line with aligned names', () => {
  expect(formatReloadStep(replaced)).toBe('chat-worker #0: 4711 -> 4723, ready after 512 ms');
  expect(formatReloadStep({ ...replaced, oldPid: null }, 16)).toBe(
    'chat-worker #0:   down -> 4723, ready after 512 ms',
  );
  expect(formatReloadStep({ step: 'killed', process: 'web #0', oldPid: 4711 })).toBe(
    'web #0: 4711 was killed: it did not finish in time',
  );
  expect(formatReloadStep({ step: 'skipped', process: 'web #0' })).toBe(
    'web #0: drained, not replaced',
  );
});

test('reload step: is parsed, other values are rejected', () => {
  const steps = [
    replaced,
    { ...replaced, oldPid: null },
    { step: 'killed', process: 'web #0', oldPid: 1 },
    { step: 'skipped', process: 'web #0' },
  ];
  expect(steps.map(parseReloadStep)).toEqual(steps);
  const others = [undefined, {}, { step: 'replaced' }, { step: 'exploded', process: 'web #0' }];
  expect(others.map(parseReloadStep).filter(Boolean)).toEqual([]);
});
