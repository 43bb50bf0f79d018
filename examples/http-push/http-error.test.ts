import { GatewayWorkerError, PartialResultError } from 'gatewayworker';
import { expect, test } from 'vitest';
import { errorStatus, HttpError, toHttpError } from './http-error.ts';

test.each([
  ['no link to any gateway', new GatewayWorkerError('GW_ERR_NOT_CONNECTED')],
  ['a gateway that did not answer', new PartialResultError(0, ['127.0.0.1:2910'])],
])('%s is an outage: 503', (_, thrown) => {
  const error = toHttpError(thrown);
  expect(error).toMatchObject({ code: 'cluster_unreachable', cause: thrown });
  expect(errorStatus[error.code]).toBe(503);
});

test.each([
  ['an error of the app', new Error('secret of the house')],
  [
    'an error of the framework that asking again does not mend',
    new GatewayWorkerError('GW_ERR_QUERY_UNKNOWN'),
  ],
  ['no error at all', 'secret of the house'],
])('%s is told without its text: 500', (_, thrown) => {
  const error = toHttpError(thrown);
  expect(error).toMatchObject({ code: 'internal', cause: thrown });
  expect(error.message).toBe('Something went wrong in the app.');
});

test('an error for the page stays as it is', () => {
  const error = new HttpError('not_online', 'Ada has no page open.');
  expect(toHttpError(error)).toBe(error);
});
