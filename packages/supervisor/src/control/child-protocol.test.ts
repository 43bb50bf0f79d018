import { emptyRoleStatus } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import { parseChildEvent, parseChildOrder, parseIdentity, parseReport } from './child-protocol.ts';

const report = {
  ...emptyRoleStatus,
  notReadyReasons: ['no register is linked'],
  warnings: ['one of two registers is away'],
  ...{ memory: 1, qps: 2, eventLoopLagMs: 3, droppedLines: 4 },
};
const launch = {
  ...{ execPath: '/usr/bin/node', execArgv: ['--import', 'tsx'], startFile: '/srv/start.js' },
  ...{ args: ['gateway'], cwd: '/srv', env: { HOME: '/root' } },
};
const identity = {
  ...{ protocol: 2, version: '0.1.0', role: 'gateway', name: 'gate', id: 0, pid: 7 },
  ...{ declarationHash: 'abc', livedMs: 5, state: 'ready' },
};

test('child protocol: parses every order', () => {
  const orders = [
    { command: 'identify' },
    { command: 'attach', masterPid: 7, onMasterExit: 'keep' },
    { command: 'detach' },
    { command: 'report' },
    { command: 'stop', isGraceful: true, timeoutMs: 5_000, drainMs: 0 },
    { command: 'connections' },
    { command: 'reopenLog' },
    { command: 'closeInspector' },
    { command: 'spawn', launch, expiresAt: 1, isSuccessor: true },
  ];
  expect(orders.map(parseChildOrder)).toEqual(orders);
});

test('child protocol: parses every event, an identity and a report', () => {
  const error = { code: 'GW_ERR_INTERNAL', message: 'no' };
  const events = [
    { event: 'attached' },
    { event: 'ready', report },
    { event: 'terminated' },
    { event: 'failed', failure: { error, stack: 'Error: no\n    at here' } },
  ];
  expect(events.map(parseChildEvent)).toEqual(events);
  expect(parseIdentity(identity)).toEqual(identity);
  expect(parseReport(report)).toEqual(report);
});

test('child protocol: a figure that an older process does not report is 0', () => {
  const { sent: _, limits: __, ...older } = report;
  expect(parseReport(older)).toEqual({ ...report, sent: 0, limits: {} });
});

test('child protocol: rejects unknown values and missing fields', () => {
  const orders = [
    ...[undefined, null, 'stop', 7, {}, [], { command: 'explode' }],
    { command: 'attach', masterPid: 7, onMasterExit: 'never' },
    { command: 'stop', isGraceful: true },
    { command: 'spawn', launch: { ...launch, env: null }, expiresAt: 1 },
  ];
  expect(orders.map(parseChildOrder).filter(Boolean)).toEqual([]);
  expect(parseChildEvent({ event: 'failed', failure: {} })).toBeUndefined();
  const { ready: _, ...withoutReady } = report;
  expect(parseReport(withoutReady)).toBeUndefined();
  expect(parseReport({ ...report, sent: '7' })).toBeUndefined();
  expect(parseIdentity({ ...identity, state: 'asleep' })).toBeUndefined();
});
