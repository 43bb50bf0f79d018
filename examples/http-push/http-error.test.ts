import { GatewayWorkerError, PartialResultError } from 'gatewayworker';
import { expect, test } from 'vitest';
import { errorStatus, HttpError, toHttpError } from './http-error.ts';

test.each([
  ['no link to any gateway', new GatewayWorkerError('GW_ERR_NOT_CONNECTED')],
  ['a gateway that did not answer', new PartialResultError(0, ['127.0.0.1:2910'])],
])('http error: %s becomes 503', (_, thrown) => {
  const error = toHttpError(thrown);
  expect(error).toMatchObject({ code: 'cluster_unreachable', cause: thrown });
  expect(errorStatus[error.code]).toBe(503);
});

test.each([
  ['an error of the app', new Error('internal detail')],
  [
    'an error of the framework that is not retryable',
    new GatewayWorkerError('GW_ERR_QUERY_UNKNOWN'),
  ],
  ['a string', 'internal detail'],
])('http error: %s becomes 500 without its text', (_, thrown) => {
  const error = toHttpError(thrown);
  expect(error).toMatchObject({ code: 'internal', cause: thrown });
  expect(error.message).toBe('Internal error.');
});

test('http error: an HttpError is returned unchanged', () => {
  const error = new HttpError('not_online', 'Ada has no page open.');
  expect(toHttpError(error)).toBe(error);
});
