import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { EtcdClient } from './etcd-client.ts';

const document = readFileSync(new URL('../../../docs/queues.md', import.meta.url), 'utf8');
const section = document.split(/^## /m).find((text) => text.startsWith('Discovery\n')) ?? '';
const rows = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');

/** Starts an etcd that answers each call with `maxMegabytes` of spaces. */
async function startEndless(maxMegabytes: number): Promise<string> {
  const server = createServer((_request, response: ServerResponse) => {
    let sent = 0;
    const write = (): void => {
      if (sent >= maxMegabytes) response.end();
      else {
        sent += 1;
        response.write(Buffer.alloc(1_048_576, ' '), write);
      }
    };
    response.on('error', () => undefined);
    write();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const producers: Readonly<Record<string, () => Promise<void>>> = {
  'etcd answer': async () => {
    const endpoint = await startEndless(200);
    const client = new EtcdClient({
      kind: 'etcd',
      endpoints: [endpoint],
      prefix: '/x',
      user: undefined,
      password: undefined,
    });
    const { signal } = new AbortController();
    await expect(client.call('/v3/kv/range', {}, signal)).rejects.toThrow(
      'more than 16777216 bytes',
    );
    const stream = client.stream('/v3/watch', {}, signal, () => undefined);
    await expect(stream).rejects.toThrow('more than 4194304 characters');
  },
};

test('queues: every row of the discovery has a producer', () => {
  expect(Object.keys(producers).sort()).toEqual(rows.sort());
});

test.each(rows)('queue %s: stays within its bound', async (name) => {
  await producers[name]?.();
});
