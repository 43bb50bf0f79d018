import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { loadGateway, resolveGatewayOptions } from '@gatewayworker/gateway';
import { GatewayClient } from '@gatewayworker/gateway-client';
import { ByteWriter, type Message, PROTOCOL_VERSION, writeMessage } from '@gatewayworker/protocol';
import { captureLogger, eventually, openTcpPeer } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { roles } from './roles.ts';

function helloFrame(change: Partial<Message<'hello'>> = {}): Buffer {
  const writer = new ByteWriter();
  writeMessage(writer, {
    type: 'hello',
    version: PROTOCOL_VERSION,
    role: 'worker',
    instanceId: 'i',
    name: 'raw',
    id: 0,
    nonce: Buffer.alloc(32),
    ...change,
  });
  return writer.buffer.subarray(0, writer.length);
}

const echo = {
  onMessage: (_id: string, message: string | Buffer, ctx: { send(data: string | Buffer): void }) =>
    ctx.send(message),
};

test('register restart: traffic continues, new gateways and workers join', async () => {
  const cluster = await roles({ events: echo });
  const client = await cluster.connect();
  await cluster.stopRegister();
  client.send('without');
  expect(await client.next()).toBe('without');
  await cluster.startRegister();
  await eventually(() => cluster.log.filter((line) => line['msg'] === 'gateway announced')[1]);
  await cluster.startGateway();
  await eventually(() => cluster.gateways[1]?.workerCount === 1);
  await cluster.startWorker();
  const second = await cluster.connect(1);
  second.send('new');
  expect(await second.next()).toBe('new');
  client.send('old');
  expect(await client.next()).toBe('old');
});

test('start order: a worker that starts first links once the others are there', async () => {
  const cluster = await roles({ events: echo, gateways: 0, workers: 0 });
  await cluster.stopRegister();
  const starting = cluster.startWorker();
  await cluster.startRegister();
  await starting;
  await cluster.startGateway();
  await eventually(() => cluster.gateways[0]?.workerCount === 1);
  const client = await cluster.connect();
  client.send('x');
  expect(await client.next()).toBe('x');
});

test('gateway stop: ends its own clients only', async () => {
  const ends: unknown[] = [];
  const cluster = await roles({
    events: { ...echo, onClose: (_id, ctx) => void ends.push(ctx.closed) },
    gateways: 2,
  });
  const first = await cluster.connect(0);
  const second = await cluster.connect(1);
  await cluster.gateways[0]?.stop();
  expect(await first.ended).toEqual({ code: 1001, reason: 'the server stops' });
  await eventually(() => ends.length === 1);
  expect(ends).toMatchObject([{ by: 'server', code: 1001 }]);
  second.send('x');
  expect(await second.next()).toBe('x');
});

test('gateway stop: workers do not dial it again', async () => {
  const cluster = await roles({ events: echo });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { innerPort } = cluster.gateways[0] ?? { innerPort: 0 };
  await cluster.gateways[0]?.stop();
  await eventually(() => cluster.log.some(({ msg }) => msg === 'inner link closed by the peer'));
  const accepted: Socket[] = [];
  const server = createServer((socket) => void accepted.push(socket)).listen(innerPort);
  onTestFinished(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  // Longer than the longest pause between two attempts. A retry would arrive before the last connection.
  vi.advanceTimersByTime(2000);
  const last = connect(innerPort, '127.0.0.1');
  onTestFinished(() => void last.destroy());
  await once(last, 'connect');
  await eventually(() => accepted.some(({ remotePort }) => remotePort === last.localPort));
  expect(accepted).toHaveLength(1);
});

test('secretKey: needed on both sides of a link', async () => {
  const cluster = await roles({ events: echo, gateways: 2, secretKey: 'right' });
  const client = await cluster.connect();
  client.send('x');
  expect(await client.next()).toBe('x');
  // A key that every register refuses is reported at once.
  const stranger = cluster.gatewayClient({ secretKey: 'wrong', connectTimeoutMs: 3_600_000 });
  await expect(stranger).rejects.toMatchObject({
    code: 'GW_ERR_AUTHENTICATION_FAILED',
    message: `the register at ${cluster.registerAddress}: The secretKey differs from that of the peer`,
    cause: { code: 'GW_ERR_AUTHENTICATION_FAILED' },
  });
  const friend = await cluster.gatewayClient();
  expect(await friend.getAllClientIdCount()).toBe(1);
  expect(JSON.stringify(cluster.log)).not.toMatch(/right|wrong/);
});

test('client: waits for a register that is away when another refuses its key', async () => {
  const cluster = await roles({ events: echo, secretKey: 'right' });
  const other = await roles({ events: echo, gateways: 0, workers: 0, secretKey: 'other' });
  await cluster.stopRegister();
  const { logger } = captureLogger();
  const registerAddress = [cluster.registerAddress, other.registerAddress];
  const options = { registerAddress, secretKey: 'right', connectTimeoutMs: 3_600_000 };
  const connecting = GatewayClient.connect(options, logger);
  // The next attempt, which follows the first refusal, is refused as well.
  const refusals = () => other.log.filter(({ msg }) => msg === 'inner link refused');
  await eventually(() => refusals().length === 2);
  await cluster.startRegister();
  const api = await connecting;
  onTestFinished(() => api.close());
  await eventually(async () => (await api.getAllClientIdCount().catch(() => -1)) === 0);
});

test('secretKey: required when other machines can reach the inner listener', () => {
  expect(() =>
    resolveGatewayOptions({ listen: 'websocket://127.0.0.1:1', lanIp: '10.0.0.5' }),
  ).toThrow(/Gateway\.secretKey.*10\.0\.0\.5/);
});

test.each([
  ['bytes that are no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /exceeds the limit/],
  ['a frame without a command', Buffer.from([0, 0, 0, 0]), /a frame has length 0/],
  ['a body that is not msgpack', Buffer.from([0, 0, 0, 2, 1, 0x81]), /not msgpack/],
  ['a hello without fields', Buffer.from([0, 0, 0, 2, 1, 0x80]), /hello: version/],
  [
    'a command before the handshake',
    Buffer.from([0, 0, 0, 1, 0x40]),
    /received command 64 instead of hello/,
  ],
  ['a hello of another version', helloFrame({ version: 99 }), /version 99/],
  ['a hello of a role that may not link', helloFrame({ role: 'gateway' }), /may not link here/],
  ['a proof without the key', Buffer.concat([helloFrame(), proofFrame()]), /secretKey differs/],
])('%s on an inner link: closes that link with one log line', async (_name, bytes, why) => {
  const cluster = await roles({ events: echo });
  const client = await cluster.connect();
  const before = cluster.log.length;
  const peer = await openTcpPeer(cluster.gateways[0]?.innerPort ?? 0);
  peer.send(bytes);
  await peer.ended;
  const lines = cluster.log.slice(before).filter((line) => Number(line['level']) >= 40);
  expect(lines).toHaveLength(1);
  expect(lines[0]?.['reason']).toMatch(why);
  client.send('x');
  expect(await client.next()).toBe('x');
});

test('inner link: a silent peer is refused after 5 s', { timeout: 15_000 }, async () => {
  const cluster = await roles({ events: echo });
  const peer = await openTcpPeer(cluster.gateways[0]?.innerPort ?? 0);
  await peer.ended;
  const refusals = cluster.log.filter((line) => line['msg'] === 'inner link refused');
  expect(refusals.map((line) => line['reason'])).toEqual(['the peer took too long']);
});

const notConnected = 'GW_ERR_NOT_CONNECTED';

test('GatewayClient: calls fail while no gateway is linked, then work again', async () => {
  const cluster = await roles({ events: echo });
  const api = await cluster.gatewayClient();
  const [gateway] = cluster.gateways;
  const startPort = gateway?.innerPort ?? 0;
  await cluster.stopRegister();
  await gateway?.stop();
  await eventually(() => !api.sendToAll('x'));
  const failure = () => api.getAllClientIdCount().catch((error: unknown) => error);
  await eventually(async () => Reflect.get(Object(await failure()), 'code') === notConnected);
  await cluster.startRegister();
  const options = { listen: 'websocket://127.0.0.1:0', startPort };
  const { registerAddress } = cluster;
  const { logger } = captureLogger();
  const again = await loadGateway(resolveGatewayOptions({ ...options, registerAddress }), {
    id: 0,
    logger,
  });
  onTestFinished(() => again.stop());
  await again.start();
  await eventually(async () => (await api.getAllClientIdCount()) === 0);
  expect(api).toBeInstanceOf(GatewayClient);
});

function proofFrame(): Buffer {
  const writer = new ByteWriter();
  writeMessage(writer, { type: 'proof', proof: Buffer.alloc(32) });
  return writer.buffer.subarray(0, writer.length);
}
