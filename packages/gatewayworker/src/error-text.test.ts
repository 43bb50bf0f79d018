import { GatewayWorkerError } from '@gatewayworker/core';
import { ProcessFailedError } from '@gatewayworker/supervisor';
import { expect, test } from 'vitest';
import { formatError } from './error-text.ts';

const declaration = {
  role: 'worker',
  name: 'web',
  count: 1,
  listen: '',
  options: {},
  createRuntime: () => {
    throw new Error('not called');
  },
} as const;

test('error text: an error of the framework is its message', () => {
  expect(formatError(new GatewayWorkerError('GW_ERR_PHASE', 'too late'))).toBe('too late\n');
});

test('error text: a failed process includes the stack of the application', () => {
  const error = { code: 'GW_ERR_INTERNAL', message: 'boom' };
  const end = { code: 1, signal: null, failure: { error, stack: '    at web.ts:3:9' } };
  expect(formatError(new ProcessFailedError(declaration, 0, end))).toBe(
    'worker "web" #0 could not start: boom\n    at web.ts:3:9\n',
  );
});

test('error text: a process without an error shows its signal or exit code', () => {
  const killed = new ProcessFailedError(declaration, 1, { code: null, signal: 'SIGKILL' });
  expect(formatError(killed)).toBe(
    'worker "web" #1 could not start: ended by SIGKILL before it was ready\n',
  );
  const exited = new ProcessFailedError(declaration, 1, { code: 3, signal: null });
  expect(formatError(exited)).toContain('ended with exit code 3 before it was ready');
});

test('error text: other errors are shown with their stack', () => {
  expect(formatError(new TypeError('oops'))).toMatch(/^TypeError: oops\n {4}at /);
  expect(formatError('oops')).toMatch(/^Error: oops\n/);
});
