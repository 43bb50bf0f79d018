import { expect, test } from 'vitest';
import {
  describeUnready,
  formatStart,
  parseStartReport,
  type StartReport,
} from './start-report.ts';

const report: StartReport = {
  pid: 4711,
  stalePid: null,
  handedOverBy: null,
  rows: [
    { role: 'register', name: 'register', processes: 1, ready: 1, listen: '127.0.0.1:1236' },
    { role: 'worker', name: 'web', processes: 12, ready: 11, listen: '' },
  ],
};

test('writes one aligned row for each declaration', () => {
  expect(formatStart(report, false).split('\n')).toEqual([
    'role      name      processes  listening       state',
    'register  register          1  127.0.0.1:1236  [ok]',
    'worker    web              12                  [starting 11/12]',
    '',
  ]);
});

test('paints the state only when asked to', () => {
  expect(formatStart(report, true)).toContain('\x1b[32m[ok]');
  expect(formatStart(report, false)).not.toContain('\x1b');
});

test('says which declarations are still starting', () => {
  expect(describeUnready(report)).toEqual(['worker "web" has 1 of 12 processes still starting.']);
  const rows = [{ role: 'gateway', name: 'chat', processes: 1, ready: 0, listen: '' }];
  expect(describeUnready({ pid: 1, stalePid: null, handedOverBy: null, rows })).toEqual([
    'gateway "chat" is still starting.',
  ]);
});

test('reads back a report that came as JSON', () => {
  expect(parseStartReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
});

test('refuses a report with a row that lacks a field', () => {
  const { ready: _, ...row } = { role: 'worker', name: 'web', processes: 1, ready: 1, listen: '' };
  expect(parseStartReport({ pid: 1, rows: [row] })).toBe(undefined);
  expect(parseStartReport({ pid: 1 })).toBe(undefined);
});
