import { GatewayWorkerError } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import { describeFailure } from './child-failure.ts';

test('tells code and message of an error of the framework', () => {
  const error = new GatewayWorkerError('GW_ERR_LISTEN_FAILED', 'port 80 is taken');
  expect(describeFailure(error)).toEqual({
    error: { code: 'GW_ERR_LISTEN_FAILED', message: 'port 80 is taken' },
  });
});

test('adds the frames of the application for any other error', () => {
  const error = new Error('boom');
  error.stack = 'Error: boom\n    at web (file:///web.ts:3:9)\n    at run (node:internal/x:1:1)';
  expect(describeFailure(error)).toEqual({
    error: { code: 'GW_ERR_INTERNAL', message: 'boom' },
    stack: '    at web (file:///web.ts:3:9)',
  });
});

test('leaves out a stack that never leaves Node.js', () => {
  const error = new Error('listen EADDRINUSE');
  error.stack = 'Error: listen EADDRINUSE\n    at node:net:1:1\n    at rr (node:internal/x:1:1)';
  expect(describeFailure(error)).toEqual({
    error: { code: 'GW_ERR_INTERNAL', message: 'listen EADDRINUSE' },
  });
});

test('failure: describes a thrown value that is no Error', () => {
  expect(describeFailure('no').error.message).toBe('no');
});

test('tells where the error of the application is that made one of the framework', () => {
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

test('failure: the place of a syntax error that the message tells is not told twice', () => {
  const place = 'file:///srv/events.ts:2\n  const x = = 3;\n            ^';
  const cause = new SyntaxError('Expression expected');
  cause.stack = `${place}\n\nSyntaxError: Expression expected\n    at node:internal/x:1:1`;
  const message = `events.ts cannot be imported: Expression expected\n${place}`;
  const error = new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', message, { cause });
  expect(describeFailure(error)).toEqual({
    error: { code: 'GW_ERR_EVENT_HANDLER_INVALID', message },
  });
});
