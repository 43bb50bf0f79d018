import { eventually } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ask, startVersioned } from './versioned-cluster.ts';

test('connections tells every client of every gateway, as a table and for programs', async () => {
  const { cluster, command, open } = await startVersioned();
  const none = await command('connections', '--json');
  expect(none).toEqual({ exitCode: 0, stdout: '{"connections":[]}\n', stderr: '' });
  const clients = await Promise.all(Array.from({ length: 6 }, open));
  for (const client of clients) await ask(client);
  const json = await command('connections', '--json');
  expect(json).toMatchObject({ exitCode: 0, stderr: '' });
  const { connections } = JSON.parse(json.stdout);
  expect(connections).toHaveLength(6);
  const gateways = (await cluster.status()).filter(({ role }) => role === 'gateway');
  expect(new Set(connections.map(({ pid }: { pid: number }) => pid))).toEqual(
    new Set(gateways.map(({ pid }) => pid)),
  );
  expect(connections[0]).toEqual({
    clientId: expect.stringMatching(/^[\w-]{20}$/),
    pid: expect.any(Number),
    gateway: expect.stringMatching(/^gate#[01]$/),
    remoteAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    uid: null,
    groups: [],
    worker: expect.stringMatching(/^brain#[01]$/),
    bytesRead: expect.any(Number),
    bytesWritten: expect.any(Number),
    pendingBytes: 0,
    inFlight: expect.any(Number),
  });
  expect(connections[0].bytesWritten).toBeGreaterThan(0);
  const table = await command('connections');
  expect(table.stdout).toMatch(/^client id +gateway +pid +worker +address/);
  expect(table.stdout.trimEnd().split('\n')).toHaveLength(7);
});

test('connections names a gateway that does not answer, and tells what the others said', async () => {
  const { cluster, command, open } = await startVersioned();
  const clients = await Promise.all([open(), open()]);
  for (const client of clients) await ask(client);
  const stopped = (await cluster.status()).find(({ name, id }) => name === 'gate' && id === 1);
  if (stopped === undefined) throw new Error('there is no second gateway');
  const { pid } = stopped;
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => void process.kill(pid, 'SIGCONT'));
  const json = await command('connections', '--json');
  process.kill(pid, 'SIGCONT');
  expect(json.exitCode).toBe(1);
  expect(json.stderr).toBe('gate#1 did not answer: its clients are missing\n');
  expect(JSON.parse(json.stdout).connections).toMatchObject([{ gateway: 'gate#0' }]);
  await eventually(async () => (await command('connections')).exitCode === 0);
});
