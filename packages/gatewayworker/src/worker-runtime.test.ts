import { createLogger } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import { resolveWorkerOptions, type WorkerOptions } from './worker-options.ts';
import { WorkerRuntime } from './worker-runtime.ts';

const logger = createLogger({ stdout: false });

function createRuntime(options: WorkerOptions): WorkerRuntime {
  return new WorkerRuntime(resolveWorkerOptions(options), {
    id: 1,
    logger,
    openSocket: () => Promise.reject(new Error('no socket')),
  });
}

test('worker: both callbacks receive the process', async () => {
  const calls: unknown[] = [];
  const runtime = createRuntime({
    name: 'web',
    onWorkerStart: (worker) => calls.push(['start', worker]),
    onWorkerStop: (worker) => calls.push(['stop', worker]),
  });
  await runtime.start();
  await runtime.stop();
  const worker = {
    id: 1,
    name: 'web',
    logger,
    signal: expect.any(AbortSignal),
    listen: expect.any(Function),
  };
  expect(calls).toEqual([
    ['start', worker],
    ['stop', worker],
  ]);
});

test('worker: is ready from the end of onWorkerStart to the stop', async () => {
  const runtime = createRuntime({});
  const started = runtime.start();
  expect(runtime.status().ready).toBe(false);
  await started;
  expect(runtime.status().ready).toBe(true);
  await runtime.stop();
  expect(runtime.status().ready).toBe(false);
});

test('worker: start rejects with the error of onWorkerStart, sync or async', async () => {
  const boom = new Error('boom');
  const throwing = createRuntime({
    onWorkerStart: () => {
      throw boom;
    },
  });
  await expect(throwing.start()).rejects.toBe(boom);
  await expect(createRuntime({ onWorkerStart: () => Promise.reject(boom) }).start()).rejects.toBe(
    boom,
  );
});

test('worker: onWorkerStop runs once, and only after a successful start', async () => {
  let stops = 0;
  const onWorkerStop = () => {
    stops += 1;
  };
  await createRuntime({ onWorkerStop }).stop();
  const failing = createRuntime({ onWorkerStart: () => Promise.reject(new Error()), onWorkerStop });
  await expect(failing.start()).rejects.toThrow();
  await failing.stop();
  expect(stops).toBe(0);
  const runtime = createRuntime({ onWorkerStop });
  await runtime.start();
  await Promise.all([runtime.stop(), runtime.stop()]);
  expect(stops).toBe(1);
});

test('worker: a stop aborts the signal, also while onWorkerStart runs', async () => {
  const seen: unknown[] = [];
  const runtime = createRuntime({
    onWorkerStart: async ({ signal }) => {
      seen.push(signal.aborted);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
    onWorkerStop: ({ signal }) => seen.push(signal.aborted),
  });
  const started = runtime.start();
  await runtime.stop();
  await started;
  expect(seen).toEqual([false, true]);
});

test('worker: onWorkerStop waits for onWorkerStart', async () => {
  const calls: string[] = [];
  let finishStart = () => {};
  const runtime = createRuntime({
    onWorkerStart: async () => {
      await new Promise<void>((resolve) => {
        finishStart = resolve;
      });
      calls.push('started');
    },
    onWorkerStop: () => calls.push('stopped'),
  });
  const started = runtime.start();
  const stopped = runtime.stop();
  finishStart();
  await Promise.all([started, stopped]);
  expect(calls).toEqual(['started', 'stopped']);
  expect(runtime.status().ready).toBe(false);
});
