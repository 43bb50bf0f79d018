import { Socket } from 'node:net';
import {
  createLogger,
  FlushScheduler,
  FrameConnection,
  GatewayWorkerError,
  Guard,
  ThrottledLog,
} from '@gatewayworker/core';
import { expect, onTestFinished, test } from 'vitest';
import { ClientRoutes } from '../routes/client-routes.ts';
import type { Admission, Refusal } from '../transports/transport.ts';
import { WorkerLink } from '../workers/worker-link.ts';
import { LeastConnectionsRouter } from '../workers/worker-router.ts';
import { AdmissionControl } from './admission-control.ts';
import { ClientTable } from './client-table.ts';
import { LimitCounters } from './limit-counters.ts';

const candidate = {
  remoteAddress: '::1',
  remotePort: 1,
  request: { url: '/', headers: {} },
};

/** An admission control for two clients, whose one worker decides about handshakes. */
function createAdmission(paths?: Record<string, string>) {
  const limits = new LimitCounters();
  const logger = createLogger({ stdout: false });
  const guard = new Guard();
  const routes = new ClientRoutes(
    { routes: paths, maxHeldBytes: 1024, maxHeldMs: 0 },
    {
      limits,
      guard,
      logger,
      createRouter: () => new LeastConnectionsRouter(),
      onExpired: () => undefined,
    },
  );
  const worker = new WorkerLink(new FrameConnection(new Socket(), new FlushScheduler()), {
    type: 'hello',
    version: 1,
    role: 'worker',
    instanceId: 'instance',
    name: 'worker',
    id: 0,
    nonce: Buffer.alloc(32),
  });
  worker.decidesHandshakes = true;
  routes.ofWorker(worker.name).workers.add(worker);
  onTestFinished(() => worker.handshakes.rejectAll(new GatewayWorkerError('GW_ERR_LINK_CLOSED')));
  const admission = new AdmissionControl({
    clients: new ClientTable(),
    maxConnections: 2,
    routes,
    limits,
    guard,
    clientLog: new ThrottledLog(logger),
    handshakeTimeoutMs: 3_600_000,
    port: () => 1,
    onDecided: () => undefined,
    isAccepting: () => true,
    onClient: () => ({ onMessage: () => undefined, onClose: () => undefined }),
  });
  return { admission, worker, limits };
}

test('admission control: pending handshakes count towards maxConnections', async () => {
  const { admission, worker, limits } = createAdmission();
  const decisions: (Admission | Refusal)[] = [];
  const ask = (): void => admission.admit(candidate, (decision) => void decisions.push(decision));
  ask();
  ask();
  expect(decisions).toEqual([]);
  ask();
  expect(decisions).toEqual([{ isAccepted: false, status: 503, reason: 'too many connections' }]);
  expect(limits.connections).toBe(1);
  worker.handshakes.resolve(1, { isAccepted: false, status: 401, reason: 'no' });
  await new Promise((resolve) => setImmediate(resolve));
  expect(decisions).toHaveLength(2);
  ask();
  expect(worker.handshakes.size).toBe(2);
  expect(limits.connections).toBe(1);
});

test('admission control: 404 for an unknown path, 503 for a route without workers', () => {
  const { admission, worker, limits } = createAdmission({ '/chat': 'worker', '/game': 'other' });
  const refusals: (Admission | Refusal)[] = [];
  for (const url of ['/', '/admin', '/game/1', '/chat']) {
    const request = { url, headers: {} };
    admission.admit({ ...candidate, request }, (decision) => void refusals.push(decision));
  }
  expect(refusals).toEqual([
    { isAccepted: false, status: 404, reason: 'no route has this path' },
    { isAccepted: false, status: 404, reason: 'no route has this path' },
    { isAccepted: false, status: 503, reason: 'no worker is ready' },
  ]);
  expect(limits.unknownPath).toBe(2);
  expect(worker.handshakes.size).toBe(1);
});
