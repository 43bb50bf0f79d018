import { eventually, isAlive, type TestClient } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { startVersioned, type VersionedCluster } from './versioned-cluster.ts';

/** A callback that waits for a minute, or until worker.signal aborts. */
const waiting = `
import { setTimeout as sleep } from 'node:timers/promises';

let signal;

export class Events {
  onWorkerStart(worker) {
    signal = worker.signal;
  }

  async onMessage(_clientId, _message, ctx) {
    process.stdout.write('waiting: events\\n');
    const end = await sleep(60_000, 'slept', { signal }).catch(() => 'ended');
    process.stdout.write(end + ': events\\n');
    ctx.send(end);
  }

  onWorkerStop() {
    process.stdout.write('stopped: events\\n');
  }
}
`;

const web = `
new Worker({
  name: 'web',
  onWorkerStart: ({ signal }) => {
    signal.addEventListener('abort', () => process.stdout.write('ended: web\\n'));
  },
  onWorkerStop: () => void process.stdout.write('stopped: web\\n'),
});
`;

/** A client that waited in a callback, and the processes of its cluster at that time. */
interface Ended {
  readonly client: TestClient;
  readonly pids: readonly number[];
}

/** Opens a client that waits in a callback, and runs a command that ends its worker. */
async function endBy(cluster: VersionedCluster, line: string): Promise<Ended> {
  const { command, open } = cluster;
  const output = () => cluster.cluster.output();
  const before = output().length;
  const since = () => output().slice(before);
  const client = await open();
  client.send('x');
  await eventually(() => since().includes('waiting: events'));
  const pids = (await cluster.cluster.status()).map(({ pid }) => pid);
  expect(await command(...line.split(' '))).toMatchObject({ exitCode: 0, stderr: '' });
  const said = await eventually(() => {
    const lines = since().match(/^(?:ended|slept|stopped): \w+$/gm) ?? [];
    return lines.length === 4 && lines;
  });
  expect(said.filter((line) => line.endsWith('events'))).toEqual([
    'ended: events',
    'stopped: events',
  ]);
  expect(said.filter((line) => line.endsWith('web'))).toEqual(['ended: web', 'stopped: web']);
  return { client, pids };
}

const options = {
  events: waiting,
  more: web,
  run: '{ stopTimeoutMs: 2000 }',
  workers: 1,
  gateways: 1,
};

test('worker.signal: aborts before the process ends, by reload and by stop', async () => {
  const cluster = await startVersioned(options);
  const { client } = await endBy(cluster, 'reload');
  expect(await client.next()).toBe('ended');
  await endBy(cluster, 'stop');
});

test('worker.signal: aborts before the process ends, by stop -g', async () => {
  const cluster = await startVersioned(options);
  const { pids } = await endBy(cluster, 'stop -g');
  expect(await cluster.cluster.ended()).toEqual({ code: 0, signal: null });
  expect(pids).toHaveLength(5);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(cluster.cluster.output()).toContain('"msg":"stopping gracefully"');
});
