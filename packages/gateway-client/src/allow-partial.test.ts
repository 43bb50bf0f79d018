import { GatewayWorkerError, PartialResultError } from '@gatewayworker/core';
import { expect, expectTypeOf, test } from 'vitest';
import { allowPartial } from './allow-partial.ts';

test('leaves a whole answer as it is', async () => {
  await expect(allowPartial(Promise.resolve(['a']))).resolves.toEqual(['a']);
  await expect(allowPartial(Promise.resolve(null))).resolves.toBeNull();
});

test('takes the answer of those gateways that gave one', async () => {
  const query = Promise.reject<string[]>(new PartialResultError(['a'], ['10.0.0.1:2900']));
  const answer = allowPartial(query);
  expectTypeOf(answer).toEqualTypeOf<Promise<string[] | undefined>>();
  await expect(answer).resolves.toEqual(['a']);
});

test('answers undefined when the one gateway of a client does not answer, and when none is linked', async () => {
  const hanging = new PartialResultError<boolean>(undefined, ['10.0.0.1:2900']);
  await expect(allowPartial(Promise.reject(hanging))).resolves.toBeUndefined();
  const unlinked = new GatewayWorkerError('GW_ERR_NOT_CONNECTED');
  await expect(allowPartial(Promise.reject(unlinked))).resolves.toBeUndefined();
});

test.each([new GatewayWorkerError('GW_ERR_NOT_IN_WORKER'), new TypeError('uid is empty')])(
  'passes on what is no lack of gateways: %s',
  async (error) => {
    await expect(allowPartial(Promise.reject(error))).rejects.toBe(error);
  },
);
