import { expect, test } from 'vitest';
import { resolveSettings } from './settings.ts';

test('device settings: every port has a default', () => {
  expect(Object.values(resolveSettings({}))).toEqual([8285, 8286, 3003, 1238, 2930]);
});

test('device settings: ports are read from the environment, a wrong one is named', () => {
  expect(resolveSettings({ DEVICES_PORT: '9000' }).devicePort).toBe(9000);
  expect(() => resolveSettings({ DEVICES_PORT: '0' })).toThrow("DEVICES_PORT is '0'");
  expect(() => resolveSettings({ DEVICES_INNER_PORT: 'x' })).toThrow(RangeError);
});
