import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { createLogger } from '@gatewayworker/core';
import { eventually, freePorts, temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ControlClient } from './control/control-client.ts';
import { ControlServer } from './control/control-server.ts';
import { ChildOutput } from './processes/child-output.ts';
import { reportHealth } from './report/health-report.ts';
import { HealthServer } from './report/health-server.ts';

const document = readFileSync(new URL('../../../docs/queues.md', import.meta.url), 'utf8');
const section = document.split(/^## /m).find((text) => text.startsWith('Master\n')) ?? '';
const rows = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');

async function open(address: string | number): Promise<Socket> {
  const socket = typeof address === 'string' ? connect(address) : connect(address, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const producers: Readonly<Record<string, () => Promise<void>>> = {
  'control line': async () => {
    const folder = await temporaryFolder('queues');
    onTestFinished(folder.dispose);
    const path = `${folder.path}/x.sock`;
    const server = new ControlServer(path, {
      parseOrder: (value) => value,
      onOrder: async () => undefined,
    });
    await server.tryListen();
    onTestFinished(() => server.close());
    const socket = await open(path);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('x'.repeat(200_000));
    await closed;
  },
  'control answer': async () => {
    const folder = await temporaryFolder('queues');
    onTestFinished(folder.dispose);
    const path = `${folder.path}/x.sock`;
    const server = createServer((socket) => {
      const piece = 'x'.repeat(1_048_576);
      const write = () => socket.write(piece, (error) => error == null && write());
      socket.on('error', () => undefined);
      write();
    }).listen(path);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const client = await ControlClient.connect(path);
    const answer = client?.request({}, Number.POSITIVE_INFINITY);
    await expect(answer).rejects.toMatchObject({ code: 'GW_ERR_LINK_CLOSED' });
  },
  'health probes': async () => {
    const [port = 0] = await freePorts(1);
    const server = new HealthServer(
      { host: '127.0.0.1', port },
      { report: async () => reportHealth([]), logger: createLogger({ stdout: false }) },
    );
    await server.listen();
    onTestFinished(() => server.close());
    const first = await open(port);
    const closed = new Promise((resolve) => first.once('close', resolve));
    for (let count = 0; count < 128; count += 1) await open(port);
    await closed;
    const long = await open(port);
    let answer = '';
    long.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    long.write(`GET /live HTTP/1.1\r\nx: ${'x'.repeat(10_000)}\r\n\r\n`);
    await eventually(() => answer.startsWith('HTTP/1.1 431 '));
  },
  'child output': async () => {
    const stderr = new PassThrough();
    const output = new ChildOutput(stderr, () => undefined);
    for (let line = 0; line < 1000; line += 1) stderr.write(`${'x'.repeat(1000)}\n`);
    stderr.end();
    await output.ended;
    expect(output.tail.length).toBeLessThanOrEqual(4096);
  },
};

test('queues: every row of the master has a test', () => {
  expect(Object.keys(producers).sort()).toEqual(rows.sort());
});

test.each(rows)('queue %s: stays within its bound', async (name) => {
  await producers[name]?.();
});
