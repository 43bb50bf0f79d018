import { expect, test } from 'vitest';
import { createPushKey, resolvePushSettings } from './settings.ts';

const PUSH_KEY = createPushKey();

test('push settings: everything except the key has a default', () => {
  expect(resolvePushSettings({ PUSH_KEY })).toMatchObject({
    host: '127.0.0.1',
    port: 3001,
    gatewayPort: 8283,
    registerAddress: '127.0.0.1:1237',
    innerPort: 2910,
    origin: undefined,
  });
});

test('push settings: ports, host and origin are read from the environment', () => {
  const environment = { PUSH_HOST: '0.0.0.0', PUSH_PORT: '0', PUSH_ORIGIN: 'https://push.example' };
  const settings = resolvePushSettings({ PUSH_KEY, ...environment });
  expect(settings).toMatchObject({ host: '0.0.0.0', port: 0, origin: 'https://push.example' });
});

test.each(['x', '-1', '65536', '1.5', '80 '])(
  'push settings: %j is rejected as a port, naming the variable',
  (value) => {
    expect(() => resolvePushSettings({ PUSH_KEY, PUSH_GATEWAY_PORT: value })).toThrow(
      `PUSH_GATEWAY_PORT is '${value}'`,
    );
  },
);

test.each([
  'push.example',
  'https://push.example/',
  'ftp://push.example',
  'https://push.example/a',
])('push settings: %j is rejected as an origin', (value) => {
  expect(() => resolvePushSettings({ PUSH_KEY, PUSH_ORIGIN: value })).toThrow(
    `PUSH_ORIGIN is '${value}'`,
  );
});

test.each([undefined, '', 'short'])('push settings: key %j is rejected and not shown', (value) => {
  expect(() => resolvePushSettings({ PUSH_KEY: value })).toThrow(
    `PUSH_KEY has ${value?.length ?? 0} characters; allowed: 32 or more`,
  );
});

test('push settings: token key and cookie key differ, equal in every process', () => {
  const settings = resolvePushSettings({ PUSH_KEY });
  expect(settings.tokenKey).not.toEqual(settings.cookieKey);
  expect(resolvePushSettings({ PUSH_KEY })).toEqual(settings);
  expect(resolvePushSettings({ PUSH_KEY: createPushKey() }).tokenKey).not.toEqual(
    settings.tokenKey,
  );
});
