import { emptyRoleStatus } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import { parseChildMessage, parseMasterMessage } from './child-messages.ts';

const obstacles = ['no register is linked'];
const notices = ['one of two registers is away'];
const report = {
  ...emptyRoleStatus,
  obstacles,
  notices,
  memory: 1,
  qps: 2,
  eventLoopLagMs: 3,
  droppedLines: 4,
};

test('reads back every message of the master', () => {
  const messages = [
    { type: 'gatewayworker:report', request: 7 },
    { type: 'gatewayworker:stop', isGraceful: true, timeoutMs: 5_000, drainMs: 0 },
    { type: 'gatewayworker:connections', request: 8 },
    { type: 'gatewayworker:forget', request: 8 },
    { type: 'gatewayworker:reopenLog' },
    { type: 'gatewayworker:adopted' },
    { type: 'gatewayworker:leave' },
    { type: 'gatewayworker:releasePort' },
    { type: 'gatewayworker:portFree' },
    { type: 'gatewayworker:closeInspector' },
  ] as const;
  expect(messages.map(parseMasterMessage)).toEqual(messages);
});

test('reads back every message of a child', () => {
  const error = { code: 'GW_ERR_INTERNAL', message: 'no' };
  const messages = [
    { type: 'gatewayworker:listening' },
    { type: 'gatewayworker:started' },
    { type: 'gatewayworker:portClaimed' },
    { type: 'gatewayworker:portReleased' },
    { type: 'gatewayworker:terminated' },
    { type: 'gatewayworker:failed', failure: { error } },
    { type: 'gatewayworker:failed', failure: { error, stack: 'Error: no\n    at here' } },
    { type: 'gatewayworker:report', request: 7, report },
    { type: 'gatewayworker:connections', request: 8, page: { connections: [], isLast: true } },
  ] as const;
  expect(messages.map(parseChildMessage)).toEqual(messages);
});

test('passes over what the application itself sends', () => {
  const strangers = [undefined, null, 'stop', 7, {}, { type: 'stop' }, { type: 7 }, []];
  expect(strangers.map(parseMasterMessage).filter(Boolean)).toEqual([]);
  expect(strangers.map(parseChildMessage).filter(Boolean)).toEqual([]);
});

test('passes over a message that lacks a field', () => {
  expect(parseMasterMessage({ type: 'gatewayworker:report' })).toBe(undefined);
  expect(parseMasterMessage({ type: 'gatewayworker:stop', isGraceful: true })).toBe(undefined);
  const failure = { error: { code: 'GW_ERR_INTERNAL' } };
  expect(parseChildMessage({ type: 'gatewayworker:failed', failure })).toBe(undefined);
  const { sent: _, ...withoutSent } = report;
  const message = { type: 'gatewayworker:report', request: 7, report: withoutSent };
  expect(parseChildMessage(message)).toBe(undefined);
});
