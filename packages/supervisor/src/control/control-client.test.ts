import { expect, test } from 'vitest';
import { ControlClient, toConnectError } from './control-client.ts';

test('control client: a missing socket means no process, and is no error', async () => {
  expect(await ControlClient.connect('/nowhere/start.sock')).toBeUndefined();
});

test.each(['EACCES', 'EPERM'])('control client: %s names the socket and the remedy', (code) => {
  const error = Object.assign(new Error('connect'), { code });
  const denied = toConnectError(error, '/srv/start.sock');
  expect(denied).toMatchObject({ code: 'GW_ERR_ACCESS_DENIED', cause: error });
  expect(denied.message).toMatch('/srv/start.sock belongs to another user: run the command as');
});

test('control client: other errors are returned unchanged', () => {
  const error = Object.assign(new Error('connect'), { code: 'ENOTSOCK' });
  expect(toConnectError(error, '/srv/start.sock')).toBe(error);
});
