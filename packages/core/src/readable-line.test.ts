import { expect, test } from 'vitest';
import { formatReadable } from './readable-line.ts';

function format(fields: Record<string, unknown>, colour = false): string {
  const line = { level: 30, time: '2026-01-02T03:04:05.678Z', pid: 1, ...fields };
  return formatReadable(JSON.stringify(line), colour);
}

test('readable line: shows time, level, process, message and fields on one line', () => {
  const fields = { role: 'gateway', name: 'chat', id: 1, clients: 5, list: [1], msg: 'hello' };
  expect(format(fields)).toBe('03:04:05.678  info chat#1 hello clients=5 list=[1]\n');
});

test('readable line: has escape sequences only with colour', () => {
  expect(format({ msg: 'hello', a: 1 }, true)).toContain('\x1b[32m info\x1b[39m');
  expect(format({ msg: 'hello', a: 1 })).not.toContain('\x1b');
});

test('readable line: shows control characters in escaped form', () => {
  const text = format({
    msg: 'one\x1b[1A\ntwo',
    reason: 'a\x1b]0;title\x07b\x9bc',
    list: ['\x1b[2J'],
  });
  expect(text).toContain('one\\u001b[1A\ntwo');
  expect(text).toContain('reason=a\\u001b]0;title\\u0007b\\u009bc list=["\\u001b[2J"]');
});

test('readable line: shows a stack below the line', () => {
  const text = format({ msg: 'failed', err: { stack: new Error('boom').stack } });
  expect(text).toMatch(/failed\n {4}Error: boom\n {8}at /);
});
