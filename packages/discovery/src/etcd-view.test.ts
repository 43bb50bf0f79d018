import { createLogger } from '@gatewayworker/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { EtcdClient } from './etcd-client.ts';
import { EtcdView } from './etcd-view.ts';

/** An etcd in memory that is well, and where nothing ever changes. */
class QuietEtcd extends EtcdClient {
  readonly paths: string[] = [];

  constructor() {
    const nobody = { user: undefined, password: undefined };
    super({ kind: 'etcd', endpoints: ['http://127.0.0.1:1'], prefix: '/quiet', ...nobody });
  }

  override call(path: string): Promise<unknown> {
    this.paths.push(path);
    return Promise.resolve({ header: { revision: '1' }, kvs: [] });
  }

  override stream(path: string, _body: unknown, signal: AbortSignal): Promise<void> {
    this.paths.push(path);
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('broken off')));
    });
  }
}

test('a watch in which nothing happens is begun anew before its answer would be given up, and nobody is told', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const etcd = new QuietEtcd();
  let changes = 0;
  let losses = 0;
  const events = {
    onChange: () => {
      changes += 1;
    },
    onLost: () => {
      losses += 1;
    },
  };
  const view = new EtcdView(etcd, '/quiet', events, createLogger({ stdout: false }));
  // Node.js gives an answer up of which nothing comes for five minutes.
  await vi.advanceTimersByTimeAsync(299_000);
  const watches = etcd.paths.filter((path) => path === '/v3/watch').length;
  expect([watches, changes, losses]).toEqual([2, 2, 0]);
  await view.close();
  expect([losses, vi.getTimerCount()]).toEqual([0, 0]);
});
