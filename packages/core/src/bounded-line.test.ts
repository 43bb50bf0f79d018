import { expect, test } from 'vitest';
import { boundLine, MAX_TEXT_LENGTH } from './bounded-line.ts';

const head = { level: 50, time: 'now', pid: 1, role: 'businessWorker' };

function bound(fields: Record<string, unknown>, msg = 'failed'): Record<string, unknown> {
  const line = boundLine(`${JSON.stringify({ ...head, ...fields, msg })}\n`);
  expect(line.endsWith('\n')).toBe(true);
  expect(line.length).toBeLessThan(64 * 1024);
  return JSON.parse(line);
}

test('bounded line: a short line stays as it is', () => {
  const line = '{"level":30,  "msg":"short"}\n';
  expect(boundLine(line)).toBe(line);
});

test('bounded line: a long text keeps its ends and the number of omitted characters', () => {
  const text = `begin ${'x'.repeat(1_000_000)} end`;
  for (const line of [bound({ reason: text }), bound({ a: { b: [{ reason: text }] } })]) {
    const kept = JSON.stringify(line);
    expect(line).toMatchObject({ ...head, msg: 'failed' });
    expect(kept).toContain('begin x');
    expect(kept).toContain('x end');
    expect(kept).toContain(`… ${text.length - MAX_TEXT_LENGTH} characters left out …`);
    expect(kept.length).toBeLessThan(MAX_TEXT_LENGTH + 300);
  }
});

test('bounded line: an error with a long message keeps its stack', () => {
  const message = 'x'.repeat(1_000_000);
  const frames = Array.from(
    { length: 10 },
    (_, at) => `    at onMessage (/app/events-${at}.js:1:1)`,
  );
  const err = { type: 'Error', message, stack: [`Error: ${message}`, ...frames].join('\n') };
  const text = JSON.stringify(bound({ err }));
  for (const at of frames.keys()) expect(text).toContain(`/app/events-${at}.js`);
});

test('bounded line: a long message of the line is cut too', () => {
  const { msg } = bound({}, 'x'.repeat(100_000));
  expect(String(msg).length).toBeLessThan(MAX_TEXT_LENGTH + 50);
});

test('bounded line: too many fields keep the first ones and their number', () => {
  const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`field${at}`, at]));
  expect(bound(many)).toMatchObject({
    field0: 0,
    '…': expect.stringMatching(/^\d+ more left out$/),
  });
  const list = Array.from({ length: 100_000 }, (_, at) => at);
  const { list: kept } = bound({ list });
  expect(String(kept)).toMatch(/^0,1,2,.*… \d+ more left out$/);
});
