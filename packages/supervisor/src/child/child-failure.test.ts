import { GatewayWorkerError } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import { describeFailure } from './child-failure.ts';

test('failure: an error of the framework has code and message', () => {
  const error = new GatewayWorkerError('GW_ERR_LISTEN_FAILED', 'port 80 is taken');
  expect(describeFailure(error)).toEqual({
    error: { code: 'GW_ERR_LISTEN_FAILED', message: 'port 80 is taken' },
  });
});

test('failure: an error of the application has its frames without those of Node.js', () => {
  const error = new Error('boom');
  error.stack = 'Error: boom\n    at web (file:///web.ts:3:9)\n    at run (node:internal/x:1:1)';
  expect(describeFailure(error)).toEqual({
    error: { code: 'GW_ERR_INTERNAL', message: 'boom' },
    stack: '    at web (file:///web.ts:3:9)',
  });
});

test('failure: a stack with only frames of Node.js is omitted', () => {
  const error = new Error('listen EADDRINUSE');
  error.stack = 'Error: listen EADDRINUSE\n    at node:net:1:1\n    at rr (node:internal/x:1:1)';
  expect(describeFailure(error)).toEqual({
    error: { code: 'GW_ERR_INTERNAL', message: 'listen EADDRINUSE' },
  });
});

test('failure: a thrown value that is no Error is its own message', () => {
  expect(describeFailure('no').error.message).toBe('no');
});

test('failure: includes the location of a cause in the application', () => {
  const cause = new SyntaxError('Unexpected token');
  cause.stack =
    'file:///srv/events.mjs:2\n  oops(\n      ^\n\nSyntaxError: Unexpected token\n    at node:internal/x:1:1';
  const error = new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', 'cannot be imported', {
    cause,
  });
  expect(describeFailure(error)).toEqual({
    error: { code: 'GW_ERR_EVENT_HANDLER_INVALID', message: 'cannot be imported' },
    stack: 'file:///srv/events.mjs:2\n  oops(\n      ^',
  });
});

test('failure: does not repeat a location that the message contains', () => {
  const location = 'file:///srv/events.ts:2\n  const x = = 3;\n            ^';
  const cause = new SyntaxError('Expression expected');
  cause.stack = `${location}\n\nSyntaxError: Expression expected\n    at node:internal/x:1:1`;
  const message = `events.ts cannot be imported: Expression expected\n${location}`;
  const error = new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', message, { cause });
  expect(describeFailure(error)).toEqual({
    error: { code: 'GW_ERR_EVENT_HANDLER_INVALID', message },
  });
});
