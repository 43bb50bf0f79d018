import { expect, test } from 'vitest';
import {
  type GatewayClientOptions,
  gatewayClientDefaults,
  resolveGatewayClientOptions,
} from './options.ts';

test('client options: absent options get their defaults', () => {
  expect(resolveGatewayClientOptions()).toEqual(gatewayClientDefaults);
});

test('client options: given options are kept and the result is frozen', () => {
  const options = {
    registerAddress: ['a:1', 'b:2'],
    secretKey: 'key',
    name: 'billing',
    queryTimeoutMs: 1,
    connectTimeoutMs: 3_600_000,
    sendToGatewayBufferSize: 1024,
  };
  const resolved = resolveGatewayClientOptions(options);
  expect(resolved).toEqual(options);
  expect(Object.isFrozen(resolved)).toBe(true);
});

test.each<[Record<string, unknown>, string]>([
  [{ registerAddress: 'a' }, 'option GatewayClient.registerAddress is "a"'],
  [{ registerAddress: [] }, 'option GatewayClient.registerAddress'],
  [{ name: '' }, 'option GatewayClient.name is ""'],
  [{ queryTimeoutMs: 0 }, 'is 0; allowed: an integer from 1 to 3600000'],
  [{ queryTimeoutMs: Infinity }, 'option GatewayClient.queryTimeoutMs is Infinity'],
  [{ connectTimeoutMs: '5' }, 'option GatewayClient.connectTimeoutMs is "5"'],
  [{ sendToGatewayBufferSize: 1023 }, 'option GatewayClient.sendToGatewayBufferSize is 1023'],
  [{ queryTimeout: 5 }, 'there is no such option; did you mean queryTimeoutMs?'],
])('client options: refuses %j', (wrong, message) => {
  const options: GatewayClientOptions = Object.assign({}, wrong);
  expect(() => resolveGatewayClientOptions(options)).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_OPTION_INVALID',
      message: expect.stringContaining(message),
    }),
  );
});

test('client options: the error about a wrong secretKey shows only its type', () => {
  const wrong: Record<string, unknown> = { secretKey: { key: 'hunter2' } };
  expect(() => resolveGatewayClientOptions(Object.assign({}, wrong))).toThrow(
    'option GatewayClient.secretKey is "object"; allowed: a string',
  );
});
