import { expect, test } from 'vitest';
import { cpuSeconds, parseCpuSeconds } from './cpu-time.ts';
import { parsePrivateBytes } from './private-memory.ts';

test('cpu time: is parsed after a name with spaces and brackets', () => {
  const stat = `77 (a (b) c) S 1 77 77 0 -1 4194560 900 0 3 0 250 125 9 9 20 0 11 0 1 2 3`;
  expect(parseCpuSeconds(stat)).toBe(3.75);
});

test('cpu time: an ended process is an error with its pid', () => {
  expect(() => cpuSeconds([2 ** 30])).toThrow('process 1073741824 ended during the measurement');
});

test('private memory: is the sum of clean and dirty private memory', () => {
  const rollup = [
    '55 ---p 00000000 00:00 0  [rollup]',
    'Rss:               9000 kB',
    'Shared_Clean:      5000 kB',
    'Private_Clean:        4 kB',
    'Private_Dirty:       96 kB',
    'Private_Hugetlb:    512 kB',
  ].join('\n');
  expect(parsePrivateBytes(rollup)).toBe(100 * 1024);
});
