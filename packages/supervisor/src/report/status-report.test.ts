import { expect, test } from 'vitest';
import { formatStatus, type ProcessStatus, parseStatusReport } from './status-report.ts';

const healthy: ProcessStatus = {
  pid: 4711,
  role: 'gateway',
  name: 'chat',
  id: 0,
  state: 'ready',
  reasons: [],
  listen: 'websocket://0.0.0.0:8282',
  memory: 52_428_800,
  connections: 12,
  inFlight: 0,
  sent: 1_234_567,
  received: 9,
  failedSends: 0,
  requests: 3,
  limits: { origin: 2 },
  tables: {},
  qps: 41.6,
  eventLoopLagMs: 0.44,
  droppedLines: 0,
  uptimeSeconds: 3_725,
  restarts: 0,
  lastExit: null,
  exits: {},
  stack: null,
};

const unknown = { memory: null, connections: null, inFlight: null, sent: null, received: null };
const busy: ProcessStatus = {
  ...healthy,
  ...unknown,
  pid: 88,
  role: 'worker',
  name: 'web',
  id: 10,
  state: 'busy',
  listen: '',
  failedSends: null,
  requests: null,
  limits: null,
  qps: null,
  eventLoopLagMs: null,
  droppedLines: null,
  uptimeSeconds: 59,
  restarts: 2,
  lastExit: { code: null, signal: 'SIGKILL' },
};

test('status: has one aligned row per process', () => {
  const lines = formatStatus({ processes: [healthy, busy] }).split('\n');
  expect(lines).toEqual([
    ' pid  role     name  id  listening                 memory  connections  in flight     sent  received  failed sends  requests  qps    lag  uptime  restarts  last exit  state',
    '4711  gateway  chat   0  websocket://0.0.0.0:8282   50.0M           12          0  1234567         9             0         3   42  0.4ms   1h 2m         0             [ok]',
    '  88  worker   web   10                                 -            -          -        -         -             -         -    -      -     59s         2  SIGKILL    [busy]',
    '',
  ]);
});

test.each([
  [80, ' pid  name  id  memory  connections  qps    lag  uptime  state'],
  [60, ' pid  name  id  memory  connections    lag  uptime  state'],
  [40, ' pid  name  id  memory  state'],
])('status: fits a terminal of %d columns, and keeps the state', (width, titles) => {
  const lines = formatStatus({ processes: [healthy, busy] }, width).split('\n');
  expect(lines[0]).toBe(titles);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
  expect(lines[1]).toMatch(/\[ok\]$/);
});

test.each([
  [0.9, '0s'],
  [61, '1m 1s'],
  [7_260, '2h 1m'],
  [180_000, '2d 2h'],
])('status: an uptime of %d seconds is %s', (uptimeSeconds, text) => {
  expect(formatStatus({ processes: [{ ...healthy, uptimeSeconds }] })).toContain(text);
});

test('status: shows the exit code of the last exit', () => {
  const lastExit = { code: 1, signal: null };
  expect(formatStatus({ processes: [{ ...healthy, lastExit }] })).toContain('code 1');
});

test('status: an exit without code and signal is unknown', () => {
  const lastExit = { code: null, signal: null };
  expect(formatStatus({ processes: [{ ...healthy, lastExit }] })).toMatch(/ unknown +\[ok\]\n/);
});

test('status: a busy process without a stack has its reasons below the table', () => {
  const reasons = ['it has not answered for a second', 'its stack is unknown'];
  expect(formatStatus({ processes: [{ ...busy, reasons }] })).toMatch(
    /\[busy\]\n\nweb#10: it has not answered for a second; its stack is unknown\n$/,
  );
});

test('status: the stack of a busy process is below the table', () => {
  const stack = '    at spin (file:///srv/chat/events.ts:7:5)';
  expect(formatStatus({ processes: [healthy, { ...busy, stack }] })).toMatch(
    /\[busy\]\n\nweb #10 \(88\) does not answer; it is\n {4}at spin \(file:\/\/\/srv\/chat\/events\.ts:7:5\)\n$/,
  );
});

test('status report: is parsed only from an object with a list of processes', () => {
  expect(parseStatusReport({ processes: [healthy] })).toEqual({ processes: [healthy] });
  expect([undefined, {}, [], { processes: {} }].map(parseStatusReport).filter(Boolean)).toEqual([]);
});

test('status: the reasons of an unready process are below the table', () => {
  const reasons = [
    'no register is linked: the register at 127.0.0.1:1236 cannot be linked: The secretKey differs from that of the peer',
  ];
  const unready = { ...healthy, state: 'unready', reasons } as const;
  const stopping = { ...healthy, state: 'stopping', reasons: ['it is stopping'] } as const;
  expect(formatStatus({ processes: [unready, stopping] })).toMatch(
    /\[stopping\]\n\nchat#0: no register is linked: the register at 127\.0\.0\.1:1236 cannot be linked: The secretKey differs from that of the peer\n$/,
  );
});
