import { PassThrough } from 'node:stream';
import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { ChildOutput, findReason } from './child-output.ts';

function openOutput() {
  const stderr = new PassThrough();
  let forwarded = '';
  const output = new ChildOutput(stderr, (text) => {
    forwarded += text;
  });
  return { stderr, output, forwarded: () => forwarded };
}

test('child output: is forwarded, and its last 4 KB of whole lines are kept', async () => {
  const { stderr, output, forwarded } = openOutput();
  const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`).join('');
  stderr.end(lines);
  await output.ended;
  expect(forwarded()).toBe(lines);
  expect(output.tail.length).toBeGreaterThan(4_000);
  expect(output.tail.length).toBeLessThanOrEqual(4_096);
  expect(output.tail).toMatch(/^line \d+\n[\s\S]*line 999\n$/);
});

test('child output: lines of an inspector of the master are not forwarded', async () => {
  const { stderr, output, forwarded } = openOutput();
  const address = output.awaitInspector(new AbortController().signal);
  stderr.write(
    'before\nDebugger listening on ws://127.0.0.1:4000/abc\nFor help, see: https://nodejs.org/en/docs/inspector\n',
  );
  stderr.write('Debugger attached.\nafter\n');
  expect(await address).toBe('ws://127.0.0.1:4000/abc');
  await eventually(() => forwarded() === 'before\nafter\n');
});

test('child output: lines of any other inspector are forwarded', async () => {
  const { stderr, forwarded } = openOutput();
  stderr.write('Debugger listening on ws://127.0.0.1:4000/abc\n');
  await eventually(() => forwarded().startsWith('Debugger listening'));
});

test('child output: stops waiting for the inspector when the signal aborts', async () => {
  const { output } = openOutput();
  expect(await output.awaitInspector(AbortSignal.timeout(1))).toBe(undefined);
});

test.each([
  [
    'file:///srv/start.ts:3\n  oops(\n\nSyntaxError: Unexpected token\n    at x\n\nNode.js v20\n',
    'SyntaxError: Unexpected token',
  ],
  [
    '<--- Last few GCs --->\nFATAL ERROR: Reached heap limit\n----- Native stack trace -----\n',
    'FATAL ERROR: Reached heap limit',
  ],
  ['just some words\n', undefined],
  ['', undefined],
])('child output: the reason in %j is %j', (tail, reason) => {
  expect(findReason(tail)).toBe(reason);
});
