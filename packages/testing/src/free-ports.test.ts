import { expect, test } from 'vitest';
import { freePorts } from './free-ports.ts';

test('free ports: are consecutive and below the ephemeral range', async () => {
  const ports = await freePorts(3);
  const [first = 0] = ports;
  expect(ports).toEqual([first, first + 1, first + 2]);
  expect(ports.every((port) => port >= 20_000 && port < 32_768)).toBe(true);
});

test('free ports: are never returned twice', async () => {
  const ranges = await Promise.all(Array.from({ length: 20 }, () => freePorts(5)));
  expect(new Set(ranges.flat()).size).toBe(100);
});
