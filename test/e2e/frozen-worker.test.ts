import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { ask, pidsOf, startVersioned } from './versioned-cluster.ts';

test('frozen worker: expires within two heartbeats, links again after SIGCONT', async () => {
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
    // Two intervals of 10 s, and time for a busy machine.
    await eventually(async () => (await linked()).every((workers) => workers === 1), {
      timeoutMs: 30_000,
    });
    for (const client of clients) expect(await ask(client)).toBe(`v1 ${pids['brain#1']}`);
  } finally {
    process.kill(frozen, 'SIGCONT');
  }
  await eventually(async () => (await linked()).every((workers) => workers === 2));
  for (const client of clients) {
    // Idle clients may have moved back.
    expect([`v1 ${frozen}`, `v1 ${pids['brain#1']}`]).toContain(await ask(client));
    expect(client.isOpen).toBe(true);
  }
});
