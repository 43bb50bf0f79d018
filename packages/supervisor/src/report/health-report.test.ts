import { expect, test } from 'vitest';
import {
  formatHealth,
  type ProcessHealth,
  parseHealthReport,
  reportHealth,
  selectHealth,
} from './health-report.ts';

const healthy = { pid: 1, id: 0, live: true, ready: true, reasons: [], warnings: [] };

const processes: readonly ProcessHealth[] = [
  { ...healthy, role: 'master', name: 'start.ts' },
  { ...healthy, role: 'gateway', name: 'front', pid: 23 },
  {
    ...healthy,
    role: 'worker',
    name: 'gateway',
    pid: null,
    ready: false,
    reasons: ['it is starting', 'no register is linked'],
  },
  { ...healthy, role: 'business-worker', name: 'chat', pid: 7, live: false, ready: false },
];

test('health report: is live and ready only if every process is', () => {
  const sums = [processes, processes.slice(0, 3), processes.slice(0, 2)].map((some) => {
    const { live, ready } = reportHealth(some);
    return [live, ready];
  });
  expect(sums).toEqual([
    [false, false],
    [true, false],
    [true, true],
  ]);
});

test('health report: a role takes precedence over a name', () => {
  const report = reportHealth(processes);
  expect(selectHealth(report, undefined)).toBe(report);
  expect(selectHealth(report, 'gateway')).toEqual(reportHealth(processes.slice(1, 2)));
  expect(selectHealth(report, 'chat')).toEqual(reportHealth(processes.slice(3)));
  const message =
    'there is no process of the role or name "Chat"; known: master, start.ts, gateway, front, worker, business-worker, chat';
  expect(() => selectHealth(report, 'Chat')).toThrow(
    expect.objectContaining({ code: 'GW_ERR_NOT_DECLARED', message }),
  );
});

test('health report: is parsed, other values are rejected', () => {
  const report = reportHealth(processes);
  expect(parseHealthReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
  expect(
    [undefined, {}, { processes: [] }, { live: true, ready: true }].map(parseHealthReport),
  ).toEqual(Array.from({ length: 4 }, () => undefined));
});

test('health table: has one line per process with its reasons', () => {
  expect(formatHealth(reportHealth(processes))).toBe(
    `pid  role             name      id  live  ready  remarks
  1  master           start.ts   0  yes   yes
 23  gateway          front      0  yes   yes
  -  worker           gateway    0  yes   no     it is starting; no register is linked
  7  business-worker  chat       0  no    no
`,
  );
});
