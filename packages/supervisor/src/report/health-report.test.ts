import { expect, test } from 'vitest';
import {
  formatHealth,
  type ProcessHealth,
  parseHealthReport,
  reportHealth,
  selectHealth,
} from './health-report.ts';

const well = { pid: 1, id: 0, live: true, ready: true, reasons: [], warnings: [] };

const processes: readonly ProcessHealth[] = [
  { ...well, role: 'master', name: 'start.ts' },
  { ...well, role: 'gateway', name: 'front', pid: 23 },
  {
    ...well,
    role: 'worker',
    name: 'gateway',
    pid: null,
    ready: false,
    reasons: ['it is starting', 'no register is linked'],
  },
  { ...well, role: 'business-worker', name: 'chat', pid: 7, live: false, ready: false },
];

test('a whole is as live and as ready as the worst of its parts', () => {
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

test('chooses the processes of a role before those of a name', () => {
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

test('reads a report back, and nothing else', () => {
  const report = reportHealth(processes);
  expect(parseHealthReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
  expect(
    [undefined, {}, { processes: [] }, { live: true, ready: true }].map(parseHealthReport),
  ).toEqual(Array.from({ length: 4 }, () => undefined));
});

test('writes one line for each process, with its reasons', () => {
  expect(formatHealth(reportHealth(processes))).toBe(
    `pid  role             name      id  live  ready  remarks
  1  master           start.ts   0  yes   yes
 23  gateway          front      0  yes   yes
  -  worker           gateway    0  yes   no     it is starting; no register is linked
  7  business-worker  chat       0  no    no
`,
  );
});
