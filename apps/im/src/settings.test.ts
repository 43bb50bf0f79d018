import { expect, test } from 'vitest';
import { resolveImSettings } from './settings.ts';

test('im settings: every setting has a default', () => {
  expect(resolveImSettings({})).toMatchObject({
    ...{ host: '127.0.0.1', httpPort: 3002, socketPort: 8284, innerPort: 2920 },
    ...{ registerAddress: '127.0.0.1:1239', gateways: 2, workers: 2, secretKey: '' },
    ...{ databaseUrl: '', origin: '', trustProxy: [], passwordCost: 15 },
    dataFolder: expect.stringMatching(/apps\/im\/data$/),
  });
});

test('im settings: values are read from the environment', () => {
  const settings = resolveImSettings({
    ...{ IM_HOST: '0.0.0.0', IM_PORT: '80', IM_GATEWAYS: '4', IM_DATA: '/var/lib/im' },
    ...{ DATABASE_URL: 'postgres://im@db/im', IM_ORIGIN: 'https://im.example' },
    IM_TRUST_PROXY: '10.0.0.1,10.0.0.2',
  });
  expect(settings).toMatchObject({
    ...{ host: '0.0.0.0', httpPort: 80, gateways: 4, dataFolder: '/var/lib/im' },
    ...{ databaseUrl: 'postgres://im@db/im', origin: 'https://im.example' },
    trustProxy: ['10.0.0.1', '10.0.0.2'],
  });
});

test.each([
  ['IM_PORT', '70000', "IM_PORT is '70000'; allowed: a number from 0 to 65535"],
  ['IM_GATEWAYS', '0', "IM_GATEWAYS is '0'; allowed: a number from 1 to 64"],
  ['IM_PASSWORD_COST', '1e1', "IM_PASSWORD_COST is '1e1'"],
  ['IM_ORIGIN', 'im.example', "IM_ORIGIN is 'im.example'; allowed: an origin"],
])('im settings: %s = %s is rejected', (variable, value, problem) => {
  expect(() => resolveImSettings({ [variable]: value })).toThrow(problem);
});

test('im settings: a wrong database URL is rejected without showing its password', () => {
  expect(() => resolveImSettings({ DATABASE_URL: 'mysql://im:secret@db' })).toThrow(
    /^DATABASE_URL is wrong; allowed: a URL that begins with postgres:\/\/$/,
  );
});
