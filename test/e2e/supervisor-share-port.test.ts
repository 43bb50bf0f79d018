import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import {
  type Cluster,
  eventually,
  freePorts,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { beforeAll, expect, test } from 'vitest';
import { atEndOfFile } from './shared.ts';

function request(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    // Without an agent each request has its own connection.
    const sent = get({ port, host: '127.0.0.1', agent: false }, (response) => {
      resolve(text(response));
    });
    sent.on('error', reject);
    // A connection to a process that is killed at this moment is never answered.
    sent.setTimeout(1_000, () => sent.destroy(new Error('no answer')));
  });
}

const atEnd = atEndOfFile();
let cluster: Cluster;
let port = 0;

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  const folder = await temporaryFolder('supervisor-share-port');
  atEnd(folder.dispose);
  const file = await folder.write(
    'start.js',
    `import { createServer } from 'node:http';
import { run, Worker } from 'gatewayworker';
new Worker({
  name: 'web',
  count: 2,
  onWorkerStart: (worker) => {
    const server = createServer((_, response) => response.end(String(worker.id)));
    return worker.listen(server, { port: ${port}, host: '127.0.0.1' });
  },
});
run();
`,
  );
  cluster = await startCluster({ file });
  atEnd(cluster.dispose);
});

test('worker.listen: both processes of a declaration accept on its port', async () => {
  const answers = new Set<string>();
  // The kernel wakes both processes, and the first one accepts.
  await eventually(async () => {
    answers.add(await request(port));
    return answers.size === 2;
  });
  for (let count = 0; count < 20; count += 1) answers.add(await request(port));
  expect([...answers].sort()).toEqual(['0', '1']);
});

test('worker.listen: the port stays open while one process is restarted', async () => {
  const [victim = 0] = (await cluster.status())
    .filter(({ name }) => name === 'web')
    .map(({ pid }) => pid);
  process.kill(victim, 'SIGKILL');
  const answers = new Set<string>();
  await eventually(async () => {
    answers.add(await request(port));
    const web = (await cluster.status()).filter(({ name }) => name === 'web');
    return web.every(({ pid, state }) => pid !== victim && state === 'ready') && answers.size === 2;
  });
});
