import { expect, test } from 'vitest';
import { resolveChatSettings } from './settings.ts';

test('chat settings: every setting has a default', () => {
  expect(resolveChatSettings({})).toEqual({
    host: '127.0.0.1',
    pagePort: 3000,
    gatewayPort: 8282,
    registerPort: 1236,
    innerPort: 2900,
  });
});

test('chat settings: ports and host are read from the environment', () => {
  const environment = { CHAT_HOST: '0.0.0.0', CHAT_PAGE_PORT: '0', CHAT_GATEWAY_PORT: '9001' };
  const settings = resolveChatSettings(environment);
  expect(settings).toMatchObject({ host: '0.0.0.0', pagePort: 0, gatewayPort: 9001 });
});

test.each(['x', '-1', '65536', '1.5', '80 '])(
  'chat settings: %j is rejected as a port, naming the variable',
  (value) => {
    expect(() => resolveChatSettings({ CHAT_REGISTER_PORT: value })).toThrow(
      `CHAT_REGISTER_PORT is '${value}'`,
    );
  },
);
