import { expect, test } from 'vitest';
import { resolveSettings } from './settings.ts';

test('has a default for everything', () => {
  expect(Object.values(resolveSettings({}))).toEqual([8285, 8286, 3003, 1238, 2930]);
});

test('takes ports from the environment, and names one that is none', () => {
  expect(resolveSettings({ DEVICES_PORT: '9000' }).devicePort).toBe(9000);
  expect(() => resolveSettings({ DEVICES_PORT: '0' })).toThrow("DEVICES_PORT is '0'");
  expect(() => resolveSettings({ DEVICES_INNER_PORT: 'x' })).toThrow(RangeError);
});
