import { eventually, type StatusProcess } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { ask, startVersioned } from './versioned-cluster.ts';

function states(processes: readonly StatusProcess[]): Record<string, unknown> {
  return Object.fromEntries(
    processes
      .filter(({ role }) => role === 'gateway')
      .map((row) => [`${row.name}#${row.id}`, row['state']]),
  );
}

test('drain ends one gateway process with its clients, and keeps it down', async () => {
  const { cluster, command, open } = await startVersioned();
  const clients = await Promise.all([open(), open(), open(), open()]);
  for (const client of clients) await ask(client);
  const { connections } = JSON.parse((await command('connections', '--json')).stdout);
  const staying = connections.filter(({ gateway }: { gateway: string }) => gateway === 'gate#0');
  const drain = await command('drain', 'gate#1', '--over', '1');
  expect(drain).toMatchObject({ exitCode: 0, stderr: '' });
  expect(drain.stdout).toMatch(
    /^gate #1 has drained\nDrained\. To have it back: \S+ \S+start\.js undrain gate#1\n$/,
  );
  expect(states(await cluster.status())).toEqual({ 'gate#0': 'ready', 'gate#1': 'drained' });
  expect((await command('status')).stdout).toMatch(/gate +1 .*\[drained\]\n/);
  await eventually(() => clients.filter(({ isOpen }) => isOpen).length === staying.length);
  for (const client of clients.filter(({ isOpen }) => isOpen)) await ask(client);
  expect(await ask(await open())).toMatch(/^v1/);

  const again = await command('drain', 'gate#1');
  expect(again).toMatchObject({ exitCode: 0 });
  const all = await command('drain', '--over', '0.2');
  expect(all.stdout.split('\n').slice(0, 2).sort()).toEqual([
    'gate #0 has drained',
    'gate #1 has drained',
  ]);
  expect(states(await cluster.status())).toEqual({ 'gate#0': 'drained', 'gate#1': 'drained' });

  // One of them accepts clients again, and then both.
  expect(await command('undrain', 'gate#1')).toEqual({
    exitCode: 0,
    stdout: 'gate #1 accepts clients again\n',
    stderr: '',
  });
  expect(states(await cluster.status())).toEqual({ 'gate#0': 'drained', 'gate#1': 'ready' });
  const [back, ...others] = await Promise.all([open(), open(), open(), open()]);
  expect(others.map(({ isOpen }) => isOpen)).toEqual([true, true, true]);
  expect(await ask(back)).toMatch(/^v1/);
  const both = await command('undrain');
  expect(both.stdout.trimEnd().split('\n').sort()).toEqual([
    'gate #0 accepts clients again',
    'gate #1 was not drained',
  ]);
  expect(states(await cluster.status())).toEqual({ 'gate#0': 'ready', 'gate#1': 'ready' });
  expect(await ask(back)).toMatch(/^v1/);

  // While it drains there is nothing to take back.
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

test('drain refuses a gateway that there is not, and a time that is none', async () => {
  const { cluster, command } = await startVersioned({ workers: 1 });
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
