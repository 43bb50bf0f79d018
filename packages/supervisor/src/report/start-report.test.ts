import { expect, test } from 'vitest';
import { formatStart, type StartReport } from './start-report.ts';

const report: StartReport = {
  pid: 4711,
  stalePid: null,
  attached: 0,
  warnings: [],
  failures: [],
  rows: [
    { role: 'register', name: 'register', processes: 1, ready: 1, starting: 0, listen: '' },
    { role: 'gateway', name: 'gate', processes: 2, ready: 0, starting: 0, listen: 'tcp://[::]:1' },
    { role: 'worker', name: 'web', processes: 12, ready: 11, starting: 1, listen: '' },
  ],
  reasons: ['web#7: onWorkerStart has not settled'],
};

test('start table: has one aligned row per declaration', () => {
  expect(formatStart(report, false).split('\n')).toEqual([
    'role      name      processes  listening     state',
    'register  register          1                [ok]',
    'gateway   gate              2  tcp://[::]:1  [unready 0/2]',
    'worker    web              12                [starting 11/12]',
    '',
  ]);
});

test('start table: the state is coloured only on request', () => {
  expect(formatStart(report, true)).toContain('\x1b[32m[ok]');
  expect(formatStart(report, false)).not.toContain('\x1b');
});
