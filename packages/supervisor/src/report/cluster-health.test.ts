import { createLogger } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import { ClusterHealth } from './cluster-health.ts';
import type { ProcessHealth } from './health-report.ts';

const gateway = { pid: 7, role: 'gateway', name: 'front', id: 0, live: true, warnings: [] };

/** A cluster of one process, whose answers the test gives. */
function createCluster() {
  const requests: ((health: ProcessHealth) => void)[] = [];
  const state: { reason: string | undefined } = { reason: undefined };
  const health = new ClusterHealth({
    address: undefined,
    logger: createLogger({ stdout: false }),
    name: 'start.ts',
    notReadyReason: () => state.reason,
    checkAll: async () => [await new Promise<ProcessHealth>((resolve) => requests.push(resolve))],
  });
  return { health, requests, state };
}

test('cluster health: concurrent requests check each process once', async () => {
  const { health, requests } = createCluster();
  const reports = Array.from({ length: 100 }, () => health.report());
  expect(requests).toHaveLength(1);
  requests[0]?.({ ...gateway, ready: true, reasons: [] });
  for (const report of await Promise.all(reports)) expect(report.ready).toBe(true);
  const next = health.report();
  expect(requests).toHaveLength(2);
  requests[1]?.({ ...gateway, ready: false, reasons: ['no register is linked'] });
  const { live, ready, processes } = await next;
  expect([live, ready, processes.map(({ name }) => name)]).toEqual([
    true,
    false,
    ['start.ts', 'front'],
  ]);
});

test('cluster health: a stop during the check makes every process unready', async () => {
  const { health, requests, state } = createCluster();
  const report = health.report();
  state.reason = 'the cluster is stopping';
  requests[0]?.({ ...gateway, ready: true, reasons: [] });
  const { live, ready, processes } = await report;
  expect([live, ready]).toEqual([true, false]);
  expect(processes.map(({ reasons }) => reasons)).toEqual([[state.reason], [state.reason]]);
});

test('cluster health: a request after a failed one checks again', async () => {
  let isBroken = true;
  const health = new ClusterHealth({
    address: undefined,
    logger: createLogger({ stdout: false }),
    name: 'start.ts',
    notReadyReason: () => undefined,
    checkAll: async () => {
      if (isBroken) throw new Error('broken');
      return [];
    },
  });
  await expect(health.report()).rejects.toThrow('broken');
  isBroken = false;
  expect((await health.report()).ready).toBe(true);
});
