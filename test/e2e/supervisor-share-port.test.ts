import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { eventually, freePorts, startCluster, temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

function request(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    // Without an agent every request is a connection of its own.
    const sent = get({ port, host: '127.0.0.1', agent: false }, (response) => {
      resolve(text(response));
    });
    sent.on('error', reject);
    // A connection on its way to a process that is killed at this moment is never answered.
    sent.setTimeout(1_000, () => sent.destroy(new Error('no answer')));
  });
}

async function startWebServers(): Promise<{ port: number; pids(): Promise<number[]> }> {
  const [port = 0] = await freePorts(1);
  const folder = await temporaryFolder('supervisor-share-port');
  onTestFinished(folder.dispose);
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
  const cluster = await startCluster({ file });
  onTestFinished(cluster.dispose);
  const pids = async () =>
    (await cluster.status()).filter(({ name }) => name === 'web').map(({ pid }) => pid);
  return { port, pids };
}

test('worker.listen: both processes of a declaration accept on its port', async () => {
  const { port } = await startWebServers();
  const answers: string[] = [];
  for (let count = 0; count < 100; count += 1) answers.push(await request(port));
  const first = answers.filter((answer) => answer === '0').length;
  expect(answers.filter((answer) => answer === '1')).toHaveLength(100 - first);
  // The kernel wakes both processes, and the first one accepts.
  expect(first).toBeGreaterThanOrEqual(5);
  expect(first).toBeLessThanOrEqual(95);
});

test('worker.listen: the port stays open while one process is started again', async () => {
  const { port, pids } = await startWebServers();
  const [victim = 0] = await pids();
  process.kill(victim, 'SIGKILL');
  await eventually(async () => {
    const answers = [await request(port), await request(port)];
    return answers.includes('0') && answers.includes('1');
  });
  expect(await pids()).not.toContain(victim);
});
