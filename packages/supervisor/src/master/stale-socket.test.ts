import { readdir } from 'node:fs/promises';
import { temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ControlClient } from '../control/control-client.ts';
import { ControlServer } from '../control/control-server.ts';
import { removeStaleSocket } from './stale-socket.ts';

test('stale socket: removes a socket without a listener; a missing one is no error', async () => {
  const folder = await temporaryFolder('stale');
  onTestFinished(folder.dispose);
  const path = await folder.write('x.sock', '');
  await removeStaleSocket(path);
  await removeStaleSocket(path);
  expect(await readdir(folder.path)).toEqual([]);
});

test('stale socket: keeps a socket on which a process listens', async () => {
  const folder = await temporaryFolder('stale');
  onTestFinished(folder.dispose);
  const path = `${folder.path}/x.sock`;
  const server = new ControlServer(path, {
    parseOrder: (value) => value,
    onOrder: async () => ({ pid: 7 }),
  });
  expect(await server.tryListen()).toBe(true);
  onTestFinished(() => server.close());
  await removeStaleSocket(path);
  expect(await readdir(folder.path)).toEqual(['x.sock']);
  const client = await ControlClient.connect(path);
  expect(await client?.request({ command: 'ping' }, 5_000)).toEqual({ pid: 7 });
  client?.close();
});
