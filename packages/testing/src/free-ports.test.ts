import { expect, test } from 'vitest';
import { freePorts } from './free-ports.ts';

test('gives ports that follow one another, clear of the ephemeral range', async () => {
  const ports = await freePorts(3);
  const [first = 0] = ports;
  expect(ports).toEqual([first, first + 1, first + 2]);
  expect(ports.every((port) => port >= 20_000 && port < 32_768)).toBe(true);
});

test('never gives the same port twice', async () => {
  const rows = await Promise.all(Array.from({ length: 20 }, () => freePorts(5)));
  expect(new Set(rows.flat()).size).toBe(100);
});
