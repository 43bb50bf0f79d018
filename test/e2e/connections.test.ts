import { eventually } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ask, startVersioned, type VersionedCluster } from './versioned-cluster.ts';

/** The list of clients, once both gateways have some: the kernel chooses the process that accepts. */
async function connectToBoth({ command, open }: VersionedCluster): Promise<Connection[]> {
  for (let count = 1; count <= 100; count += 1) {
    await ask(await open());
    const { stdout } = await command('connections', '--json');
    const { connections }: { connections: Connection[] } = JSON.parse(stdout);
    expect(connections).toHaveLength(count);
    if (new Set(connections.map(({ gateway }) => gateway)).size === 2) return connections;
  }
  throw new Error('100 clients are all on one gateway');
}

interface Connection {
  readonly gateway: string;
  readonly pid: number;
  readonly bytesWritten: number;
}

test('connections tells every client of every gateway, as a table and for programs', async () => {
  const versioned = await startVersioned();
  const { cluster, command } = versioned;
  const none = await command('connections', '--json');
  expect(none).toEqual({ exitCode: 0, stdout: '{"connections":[]}\n', stderr: '' });
  const connections = await connectToBoth(versioned);
  const gateways = (await cluster.status()).filter(({ role }) => role === 'gateway');
  expect(new Set(connections.map(({ pid }) => pid))).toEqual(
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
  expect(connections[0]?.bytesWritten).toBeGreaterThan(0);
  const table = await command('connections');
  expect(table.stdout).toMatch(/^client id +gateway +pid +worker +address/);
  expect(table.stdout.trimEnd().split('\n')).toHaveLength(connections.length + 1);
});

test('connections names a gateway that does not answer, and tells what the others said', async () => {
  const versioned = await startVersioned();
  const { cluster, command } = versioned;
  const connections = await connectToBoth(versioned);
  const stopped = (await cluster.status()).find(({ name, id }) => name === 'gate' && id === 1);
  if (stopped === undefined) throw new Error('there is no second gateway');
  const { pid } = stopped;
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => void process.kill(pid, 'SIGCONT'));
  const json = await command('connections', '--json');
  process.kill(pid, 'SIGCONT');
  expect(json.exitCode).toBe(1);
  expect(json.stderr).toBe('gate#1 did not answer: its clients are missing\n');
  const others = connections.filter(({ gateway }) => gateway === 'gate#0');
  expect(JSON.parse(json.stdout).connections).toHaveLength(others.length);
  await eventually(async () => (await command('connections')).exitCode === 0);
});
