import { expect, test } from 'vitest';
import { ControlClient, toConnectError } from './control-client.ts';

test('control client: a missing socket means no process, and is no error', async () => {
  expect(await ControlClient.connect('/nowhere/start.sock')).toBeUndefined();
});

test.each(['EACCES', 'EPERM'])('%s names the socket and what to do', (code) => {
  const error = Object.assign(new Error('connect'), { code });
  const told = toConnectError(error, '/srv/start.sock');
  expect(told).toMatchObject({ code: 'GW_ERR_ACCESS_DENIED', cause: error });
  expect(told.message).toMatch('/srv/start.sock belongs to another user: run the command as');
});

test('any other error stays what it is', () => {
  const error = Object.assign(new Error('connect'), { code: 'ENOTSOCK' });
  expect(toConnectError(error, '/srv/start.sock')).toBe(error);
});
