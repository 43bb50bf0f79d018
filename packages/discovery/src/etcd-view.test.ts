import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createLogger } from '@gatewayworker/core';
import { eventually } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { EtcdClient } from './etcd-client.ts';
import { EtcdView } from './etcd-view.ts';

/** Starts an etcd in which no value changes. */
async function startQuietEtcd(): Promise<{
  readonly client: EtcdClient;
  readonly watches: ServerResponse[];
}> {
  const watches: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/v3/watch') {
      watches.push(response);
      response.write('{"result":{"created":true}}\n');
    } else {
      response.end('{"header":{"revision":"1"},"kvs":[]}');
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const credentials = { user: undefined, password: undefined };
  const endpoints = [`http://127.0.0.1:${port}`];
  const client = new EtcdClient({ kind: 'etcd', endpoints, prefix: '/quiet', ...credentials });
  return { client, watches };
}

function openView(client: EtcdClient): { readonly view: EtcdView; readonly events: string[] } {
  const events: string[] = [];
  const handlers = {
    onChange: () => void events.push('change'),
    onLost: () => void events.push('lost'),
  };
  const view = new EtcdView(client, '/quiet', handlers, createLogger({ stdout: false }));
  onTestFinished(() => view.close());
  return { view, events };
}

test('etcd view: a watch without changes continues for an hour', async () => {
  const toFake = ['setInterval' as const, 'clearInterval' as const];
  vi.useFakeTimers({ toFake });
  onTestFinished(() => void vi.useRealTimers());
  const { client, watches } = await startQuietEtcd();
  const { view, events } = openView(client);
  await eventually(() => watches.length === 1);
  const call = vi.spyOn(client, 'call');
  for (let probe = 1; probe <= 720; probe += 1) {
    await vi.advanceTimersByTimeAsync(5000);
    await call.mock.results.at(-1)?.value;
  }
  expect(call).toHaveBeenCalledTimes(720);
  expect([watches.length, events]).toEqual([1, ['change']]);
  await view.close();
});

test('etcd view: closes its watch after a garbage collection', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const { client, watches } = await startQuietEtcd();
  const { view } = openView(client);
  await eventually(() => watches.length === 1);
  // Collects all objects that only the request of the idle connection referenced.
  for (let round = 0; round < 20; round += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await view.close();
  const [watch] = watches;
  await eventually(() => watch?.destroyed === true);
});
