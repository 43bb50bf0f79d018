import { createLogger } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import { ClusterHealth } from './cluster-health.ts';
import type { ProcessHealth } from './health-report.ts';

const gateway = { pid: 7, role: 'gateway', name: 'front', id: 0, live: true, warnings: [] };

/** A cluster of one process, whose answers are given when the test says so. */
function createCluster() {
  const asked: ((health: ProcessHealth) => void)[] = [];
  const state: { obstacle: string | undefined } = { obstacle: undefined };
  const health = new ClusterHealth({
    address: undefined,
    logger: createLogger({ stdout: false }),
    name: 'start.ts',
    obstacle: () => state.obstacle,
    askAll: async () => [await new Promise<ProcessHealth>((resolve) => asked.push(resolve))],
  });
  return { health, asked, state };
}

test('asks each process once, however many ask at the same time', async () => {
  const { health, asked } = createCluster();
  const reports = Array.from({ length: 100 }, () => health.report());
  expect(asked).toHaveLength(1);
  asked[0]?.({ ...gateway, ready: true, reasons: [] });
  for (const report of await Promise.all(reports)) expect(report.ready).toBe(true);
  const next = health.report();
  expect(asked).toHaveLength(2);
  asked[1]?.({ ...gateway, ready: false, reasons: ['no register is linked'] });
  const { live, ready, processes } = await next;
  expect([live, ready, processes.map(({ name }) => name)]).toEqual([
    true,
    false,
    ['start.ts', 'front'],
  ]);
});

test('a stop that begins while processes are asked shows at once, in each of them', async () => {
  const { health, asked, state } = createCluster();
  const report = health.report();
  state.obstacle = 'everything is being stopped';
  asked[0]?.({ ...gateway, ready: true, reasons: [] });
  const { live, ready, processes } = await report;
  expect([live, ready]).toEqual([true, false]);
  expect(processes.map(({ reasons }) => reasons)).toEqual([[state.obstacle], [state.obstacle]]);
});

test('cluster health: a request after a failed one asks the processes again', async () => {
  let isBroken = true;
  const health = new ClusterHealth({
    address: undefined,
    logger: createLogger({ stdout: false }),
    name: 'start.ts',
    obstacle: () => undefined,
    askAll: async () => {
      if (isBroken) throw new Error('broken');
      return [];
    },
  });
  await expect(health.report()).rejects.toThrow('broken');
  isBroken = false;
  expect((await health.report()).ready).toBe(true);
});
