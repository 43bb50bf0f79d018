import { expect, test } from 'vitest';
import { type ConnectionRow, formatConnections, parseConnectionPart } from './connection-report.ts';

const client = {
  clientId: 'abcdefghij0123456789',
  remoteAddress: '127.0.0.1:50000',
  uid: 'tom',
  groups: ['r1', 'r2'],
  worker: 'chat-worker#0',
  bytesRead: 12,
  bytesWritten: 3_456,
  pendingBytes: 0,
  inFlight: 1,
};
const row: ConnectionRow = { ...client, pid: 4711, gateway: 'chat#0' };

test('connections table: has one aligned row per client', () => {
  const other = { ...row, uid: null, groups: [], worker: null };
  expect(formatConnections([row, other]).split('\n')).toEqual([
    'client id             gateway   pid  worker         address          uid  groups  read  written  pending  in flight',
    'abcdefghij0123456789  chat#0   4711  chat-worker#0  127.0.0.1:50000  tom  r1, r2    12     3456        0          1',
    'abcdefghij0123456789  chat#0   4711  -              127.0.0.1:50000                 12     3456        0          1',
    '',
  ]);
});

test('connections table: shortens long lists of groups and long names', () => {
  const groups = Array.from({ length: 100 }, (_, index) => `group-${index}`);
  expect(formatConnections([{ ...row, groups }])).toContain(
    'group-0, group-1, group-2, group-3 +96 ',
  );
  const [, line] = formatConnections([{ ...row, groups: ['x'.repeat(1_000)] }]).split('\n');
  expect(line?.length).toBeLessThan(200);
});

test('connection part: is parsed without invalid clients', () => {
  const part = { pid: 4711, gateway: 'chat#0', connections: [client, {}, null] };
  expect(parseConnectionPart(part)).toEqual([row]);
  expect([undefined, {}, { pid: 1, gateway: 'x' }].map(parseConnectionPart)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('connections table: escapes control characters and shortens long uids', () => {
  const odd = { ...row, uid: `a\n\x1b[31m${'u'.repeat(99)}`, groups: ['x\ty'] };
  const table = formatConnections([odd]);
  expect(table.split('\n').filter((line) => line !== '')).toHaveLength(2);
  expect(table).not.toContain('\x1b');
  expect(table).toContain(String.raw`a\x0a\x1b[31mu`);
  expect(table).toContain(String.raw`x\x09y`);
  expect(table).not.toContain('u'.repeat(40));
});
