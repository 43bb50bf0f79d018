import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { ask, pidsOf, startVersioned } from './versioned-cluster.ts';

test('a worker that is frozen is gone within two heartbeats, and harms nobody when it goes on', async () => {
  const { cluster, open } = await startVersioned();
  const clients = [await open(), await open(), await open(), await open()];
  const pids = pidsOf(await cluster.status());
  const frozen = pids['brain#0'] ?? Number.NaN;
  const linked = async (): Promise<unknown[]> =>
    (await cluster.status())
      .filter(({ role }) => role === 'gateway')
      .map(({ tables }) => Reflect.get(Object(tables), 'workers'));
  process.kill(frozen, 'SIGSTOP');
  try {
    // Two intervals of ten seconds, and what a busy machine adds.
    await eventually(async () => (await linked()).every((workers) => workers === 1), {
      timeoutMs: 30_000,
    });
    for (const client of clients) expect(await ask(client)).toBe(`v1 ${pids['brain#1']}`);
  } finally {
    process.kill(frozen, 'SIGCONT');
  }
  await eventually(async () => (await linked()).every((workers) => workers === 2));
  for (const client of clients) {
    // Idle clients may be with the other one again.
    expect([`v1 ${frozen}`, `v1 ${pids['brain#1']}`]).toContain(await ask(client));
    expect(client.isOpen).toBe(true);
  }
});
