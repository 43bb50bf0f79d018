import { readFile } from 'node:fs/promises';
import { type ConnectionRow, requestConnections } from '@gatewayworker/supervisor';
import { eventually, type StatusProcess, type TestClient } from '@gatewayworker/testing';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { atEndOfFile } from './shared.ts';
import { ask, startVersioned, type VersionedCluster } from './versioned-cluster.ts';

const atEnd = atEndOfFile();
let versioned: VersionedCluster;

beforeAll(async () => {
  versioned = await startVersioned({ atEnd });
});

/** Requests the clients of all gateways; throws when one does not answer. */
async function listConnections(): Promise<readonly ConnectionRow[]> {
  const rows: ConnectionRow[] = [];
  const pidFile = `${versioned.folder.path}/start.pid`;
  expect(await requestConnections(pidFile, (some) => rows.push(...some))).toEqual([]);
  return rows;
}

/** Opens clients until each gateway has two or more: the kernel chooses the process that accepts. */
async function connectToBoth(): Promise<{
  connections: readonly ConnectionRow[];
  clients: TestClient[];
}> {
  const clients: TestClient[] = [];
  // Clients of the test before may still be leaving.
  await eventually(async () => (await listConnections()).length === 0);
  for (let count = 4; count <= 100; count += 4) {
    while (clients.length < count) {
      const client = await versioned.open();
      clients.push(client);
      await ask(client);
    }
    const connections = await listConnections();
    expect(connections).toHaveLength(count);
    const counts = ['gate#0', 'gate#1'].map(
      (name) => connections.filter(({ gateway }) => gateway === name).length,
    );
    if (Math.min(...counts) >= 2) return { connections, clients };
  }
  throw new Error('100 clients are all on one gateway');
}

function states(processes: readonly StatusProcess[]): Record<string, unknown> {
  return Object.fromEntries(
    processes
      .filter(({ role }) => role === 'gateway')
      .map((row) => [`${row.name}#${row.id}`, row['state']]),
  );
}

test('connections: lists every client of every gateway, as a table and as JSON', async () => {
  const { cluster, command } = versioned;
  const none = await command('connections', '--json');
  expect(none).toEqual({ exitCode: 0, stdout: '{"connections":[]}\n', stderr: '' });
  await connectToBoth();
  const json = await command('connections', '--json');
  expect(json).toMatchObject({ exitCode: 0, stderr: '' });
  const { connections }: { connections: ConnectionRow[] } = JSON.parse(json.stdout);
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

test('connections: names a gateway that does not answer, lists the clients of others', async () => {
  const { cluster, command } = versioned;
  const { connections } = await connectToBoth();
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
  await eventually(listConnections);
});

test('status: has every limit of a gateway', async () => {
  const processes = await versioned.cluster.status();
  const gateways = processes.filter(({ role }) => role === 'gateway');
  const counters = new URL('../../packages/gateway/src/clients/limit-counters.ts', import.meta.url);
  const declared = (await readFile(counters, 'utf8')).matchAll(/^ {2}(\w+) = 0;$/gm);
  const names = [...Array.from(declared, ([, name]) => name), 'internalError'];
  expect(gateways).toHaveLength(2);
  for (const { limits } of gateways) expect(Object.keys(Object(limits))).toEqual(names);
});

test('drain: refuses an unknown gateway and a wrong duration', async () => {
  const { cluster, command } = versioned;
  expect(await command('drain', 'door')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'there is no gateway "door"; known: gate#0, gate#1\n',
  });
  expect(await command('drain', '--over', 'soon')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('a number of seconds from 0 to 86400'),
  });
  expect(states(await cluster.status())).toEqual({ 'gate#0': 'ready', 'gate#1': 'ready' });
});

// The last test: it stops the shared cluster.
test('drain: ends a gateway and its clients, until undrain starts it again', async () => {
  const { cluster, command, open } = versioned;
  const { connections, clients } = await connectToBoth();
  const staying = connections.filter(({ gateway }) => gateway === 'gate#0');
  const drain = await command('drain', 'gate#1', '--over', '0.2');
  expect(drain).toMatchObject({ exitCode: 0, stderr: '' });
  expect(drain.stdout).toMatch(
    /^gate #1 has drained\nDrained\. To start it again: \S+ \S+start\.js undrain gate#1\n$/,
  );
  expect(states(await cluster.status())).toEqual({ 'gate#0': 'ready', 'gate#1': 'drained' });
  expect((await command('status')).stdout).toMatch(/gate +1 .*\[drained\]\n/);
  expect((await listConnections()).map(({ clientId }) => clientId).sort()).toEqual(
    staying.map(({ clientId }) => clientId).sort(),
  );
  await eventually(() => clients.filter(({ isOpen }) => isOpen).length === staying.length);
  for (const client of clients.filter(({ isOpen }) => isOpen)) {
    expect(await ask(client)).toMatch(/^v1/);
  }
  expect(await ask(await open())).toMatch(/^v1/);

  expect(await command('drain', 'gate#1')).toMatchObject({ exitCode: 0 });
  const all = await command('drain', '--over', '0.2');
  expect(all.stdout.split('\n').slice(0, 2).sort()).toEqual([
    'gate #0 has drained',
    'gate #1 has drained',
  ]);
  expect(states(await cluster.status())).toEqual({ 'gate#0': 'drained', 'gate#1': 'drained' });

  // One gateway accepts clients again, and then both do.
  expect(await command('undrain', 'gate#1')).toEqual({
    exitCode: 0,
    stdout: 'gate #1 accepts clients again\n',
    stderr: '',
  });
  expect(states(await cluster.status())).toEqual({ 'gate#0': 'drained', 'gate#1': 'ready' });
  const back = await open();
  expect(await ask(back)).toMatch(/^v1/);
  const both = await command('undrain');
  expect(both.stdout.trimEnd().split('\n').sort()).toEqual([
    'gate #0 accepts clients again',
    'gate #1 was not drained',
  ]);
  expect(states(await cluster.status())).toEqual({ 'gate#0': 'ready', 'gate#1': 'ready' });
  expect(await ask(back)).toMatch(/^v1/);

  // A drain in progress cannot be undone. It takes its time while the gateway has two clients or more.
  back.terminate();
  await connectToBoth();
  const draining = command('drain', 'gate#1', '--over', '60');
  await eventually(async () => states(await cluster.status())['gate#1'] === 'stopping');
  expect(await command('undrain', 'gate#1')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: 'gate #1 is still draining\n',
  });
  expect(await cluster.stop()).toBe(0);
  await draining;
});
