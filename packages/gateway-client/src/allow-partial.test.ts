import { GatewayWorkerError, PartialResultError } from '@gatewayworker/core';
import { expect, expectTypeOf, test } from 'vitest';
import { allowPartial } from './allow-partial.ts';

test('allowPartial: returns a complete answer unchanged', async () => {
  await expect(allowPartial(Promise.resolve(['a']))).resolves.toEqual(['a']);
  await expect(allowPartial(Promise.resolve(null))).resolves.toBeNull();
});

test('allowPartial: returns the answers of the gateways that answered', async () => {
  const query = Promise.reject<string[]>(new PartialResultError(['a'], ['10.0.0.1:2900']));
  const answer = allowPartial(query);
  expectTypeOf(answer).toEqualTypeOf<Promise<string[] | undefined>>();
  await expect(answer).resolves.toEqual(['a']);
});

test('allowPartial: returns undefined without an answer or a linked gateway', async () => {
  const hanging = new PartialResultError<boolean>(undefined, ['10.0.0.1:2900']);
  await expect(allowPartial(Promise.reject(hanging))).resolves.toBeUndefined();
  const unlinked = new GatewayWorkerError('GW_ERR_NOT_CONNECTED');
  await expect(allowPartial(Promise.reject(unlinked))).resolves.toBeUndefined();
});

test.each([new GatewayWorkerError('GW_ERR_NOT_IN_WORKER'), new TypeError('uid is empty')])(
  'allowPartial: rethrows any other error: %s',
  async (error) => {
    await expect(allowPartial(Promise.reject(error))).rejects.toBe(error);
  },
);
