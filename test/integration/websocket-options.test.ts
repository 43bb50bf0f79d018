import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { constants, deflateRawSync } from 'node:zlib';
import { eventually, openTcpPeer, type TcpPeer, type TestClient } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { gate, roles } from './roles.ts';
import { frame, goodHandshake, Opcode, openRaw } from './websocket-frames.ts';

const echo = {
  onMessage: (
    _id: string,
    message: string | Buffer,
    ctx: { send(data: string | Buffer): boolean },
  ) => void ctx.send(message),
};

const long = 'to be compressed '.repeat(2000);

test('permessage-deflate: clients with and without it get the same messages', async () => {
  const cluster = await roles({
    events: echo,
    gateways: 2,
    workers: 2,
    gatewayOptions: { perMessageDeflate: true },
  });
  const api = await cluster.gatewayClient();
  const plain = await cluster.connect(0, '/', { perMessageDeflate: false });
  const packed = await cluster.connect(0, '/', { perMessageDeflate: true });
  const other = await cluster.connect(1, '/', { perMessageDeflate: true });
  for (const client of [plain, packed, other]) {
    client.send('ready');
    expect(await client.next()).toBe('ready');
  }
  for (const data of ['short', long, Buffer.from(long), 'ünd', '']) api.sendToAll(data);
  for (const client of [plain, packed, other]) {
    await eventually(() => client.messages.length === 5);
    expect(client.messages).toEqual(['short', long, Buffer.from(long), 'ünd', '']);
  }
  packed.messages.length = 0;
  for (const data of ['a', long, 'b']) packed.send(data);
  await eventually(() => packed.messages.length === 3);
  expect(packed.messages).toEqual(['a', long, 'b']);
});

test('permessage-deflate: compresses messages from the threshold on', async () => {
  const cluster = await roles({
    events: { onConnect: () => undefined },
    gatewayOptions: { perMessageDeflate: { threshold: 100 } },
  });
  const api = await cluster.gatewayClient();
  const peer = await openDeflated(cluster.gateways[0]?.port ?? 0);
  expect(String(peer.received)).toMatch(/permessage-deflate; server_no_context_takeover/);
  const start = peer.received.length;
  await eventually(async () => (await api.getAllClientIdCount()) === 1);
  api.sendToAll('x'.repeat(99));
  api.sendToAll('x'.repeat(100_000));
  await eventually(() => peer.received.length > start + 101);
  const frames = peer.received.subarray(start);
  expect(frames.readUInt16BE(0)).toBe(0x8163);
  expect(frames.readUInt8(101)).toBe(0xc1);
  expect(frames.length).toBeLessThan(101 + 1000);
  peer.destroy();
});

test('permessage-deflate: messages fit the window that a client asks for', async () => {
  const cluster = await roles({
    events: echo,
    gateways: 2,
    workers: 2,
    gatewayOptions: { perMessageDeflate: { threshold: 0 } },
  });
  const api = await cluster.gatewayClient();
  // Repeats lie 20 KB apart, further than the smaller windows reach.
  const block = randomBytes(10_000).toString('hex');
  const message = block + block;
  const bits = [9, 10, 14, 15, undefined];
  const clients: TestClient[] = [];
  for (const serverMaxWindowBits of bits) {
    const perMessageDeflate = serverMaxWindowBits === undefined ? {} : { serverMaxWindowBits };
    clients.push(await cluster.connect(0, '/', { perMessageDeflate }));
  }
  for (const client of clients) {
    client.send(message);
    expect(await client.next()).toBe(message);
  }
  api.sendToAll(message);
  for (const client of clients) expect(await client.next()).toBe(message);
});

test.each([
  ['permessage-deflate; server_max_window_bits=9', 'server_max_window_bits=9'],
  ['permessage-deflate; server_max_window_bits=8, permessage-deflate', 'permessage-deflate'],
  ['permessage-deflate; server_max_window_bits=8', undefined],
  ['permessage-deflate; mystery', undefined],
  ['=;,"', undefined],
])('permessage-deflate: answers the offer %j with %j', async (offer, answer) => {
  const cluster = await roles({ events: echo, gatewayOptions: { perMessageDeflate: true } });
  const header = `\r\nSec-WebSocket-Extensions: ${offer}\r\n\r\n`;
  const raw = await openRaw(
    cluster.gateways[0]?.port ?? 0,
    goodHandshake.replace('\r\n\r\n', header),
  );
  expect(raw.response).toMatch(/^HTTP\/1\.1 101 /);
  const extensions = /^Sec-WebSocket-Extensions: (.*)$/m.exec(raw.response)?.[1];
  if (answer === undefined) expect(extensions).toBeUndefined();
  else expect(extensions).toContain(answer);
  expect(extensions?.includes('=8')).not.toBe(true);
  await raw.send(frame(Opcode.Text, 'short'));
  await raw.expect(['text short']);
});

test('permessage-deflate: a bomb is closed with 1009, other clients stay', async () => {
  const ends: unknown[] = [];
  const cluster = await roles({
    events: { ...echo, onClose: (_id, ctx) => void ends.push([ctx.closed?.by, ctx.closed?.code]) },
    gatewayOptions: { perMessageDeflate: true, maxMessageBytes: 10_000 },
  });
  const bomb = deflateRawSync(Buffer.alloc(50_000_000)).subarray(0, 60_000);
  const peer = await openDeflated(cluster.gateways[0]?.port ?? 0);
  const other = await cluster.connect();
  // Short on the wire; only the inflated message is too long.
  const part = bomb.subarray(0, 9000);
  const header = Buffer.from([0xc2, 0xfe, part.length >> 8, part.length & 0xff, 0, 0, 0, 0]);
  peer.send(Buffer.concat([header, part]));
  await eventually(() => peer.received.includes(Buffer.from([0x03, 0xf1])));
  peer.destroy();
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([['protocol', 1009]]);
  expect(cluster.gateways[0]?.status().limits['messageTooBig']).toBe(1);
  other.send('x');
  expect(await other.next()).toBe('x');
});

/** A websocket with permessage-deflate, whose frames the test writes. */
async function openDeflated(port: number): Promise<TcpPeer> {
  const peer = await openTcpPeer(port);
  peer.send(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
  );
  await eventually(() => peer.received.includes('\r\n\r\n'));
  return peer;
}

/** A compressed binary message of so many zeros, as one masked frame. */
function deflatedFrame(byteLength: number): Buffer {
  const flushed = deflateRawSync(Buffer.alloc(byteLength), {
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  const payload = flushed.subarray(0, -4);
  const [high, low] = [payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([0xc2, 0xfe, high, low, 0, 0, 0, 0]), payload]);
}

test('permessage-deflate: a paused client is not decompressed', async () => {
  const { opened: released, open: release } = gate();
  let seen = 0;
  const cluster = await roles({
    events: {
      onMessage: async (_id, message) => {
        await released;
        expect(message).toHaveLength(1_000_000);
        seen += 1;
      },
    },
    gatewayOptions: { perMessageDeflate: true },
  });
  const [gateway] = cluster.gateways;
  const peer = await openDeflated(gateway?.port ?? 0);
  const frames = Buffer.concat(Array(50).fill(deflatedFrame(1_000_000)));
  // One read of the socket takes all of them.
  expect(frames.length).toBeLessThan(65_536);
  peer.send(frames);
  await eventually(() => gateway?.status().limits['eventBytesInFlight'] === 1);
  // This client's message takes a turn in which further messages would be inflated, too.
  const other = await openDeflated(gateway?.port ?? 0);
  other.send(deflatedFrame(1_000_000));
  await eventually(() => gateway?.status().inFlight === 6);
  release();
  await eventually(() => seen === 51, { timeoutMs: 20_000 });
  peer.destroy();
  other.destroy();
});

test('permessage-deflate: a paused client that is destroyed is gone', async () => {
  const ids: string[] = [];
  const ends: unknown[] = [];
  const { opened: released, open: release } = gate();
  const cluster = await roles({
    events: {
      onConnect: (id) => void ids.push(id),
      onMessage: () => released,
      onClose: (_id, ctx) => void ends.push(ctx.closed?.by),
    },
    gatewayOptions: { perMessageDeflate: true },
  });
  const [gateway] = cluster.gateways;
  const peer = await openDeflated(gateway?.port ?? 0);
  peer.send(Buffer.concat(Array(50).fill(deflatedFrame(1_000_000))));
  await eventually(() => gateway?.status().limits['eventBytesInFlight'] === 1);
  const api = await cluster.gatewayClient();
  api.destroyClient(ids[0] ?? '');
  await eventually(() => gateway?.status().tables['clients'] === 0);
  release();
  await eventually(() => ends.length === 1);
  expect(ends).toEqual(['server']);
});

test('subprotocols: the first known one of the offer is chosen', async () => {
  const cluster = await roles({
    events: echo,
    gatewayOptions: { subprotocols: ['chat.v1', 'chat.v2'] },
  });
  const url = `ws://127.0.0.1:${cluster.gateways[0]?.port}/`;
  const client = new WebSocket(url, ['other', 'chat.v2', 'chat.v1']);
  await once(client, 'open');
  expect(client.protocol).toBe('chat.v2');
  client.terminate();
  const without = await cluster.connect();
  without.send('x');
  expect(await without.next()).toBe('x');
});

test('allowedOrigins: other origins are refused with 403 and counted', async () => {
  const cluster = await roles({
    events: echo,
    gateways: 2,
    workers: 2,
    gatewayOptions: { allowedOrigins: ['https://example.com'] },
  });
  const client = await cluster.connect(0, '/', { origin: 'https://example.com' });
  expect(client.isOpen).toBe(true);
  expect(await cluster.refusedHandshake(0, '/', { origin: 'https://evil.example' })).toMatchObject({
    status: 403,
  });
  expect(await cluster.refusedHandshake(0)).toMatchObject({ status: 403 });
  expect(cluster.gateways[0]?.status().limits['origin']).toBe(2);
});

test('handshakeTimeoutMs: a slow handshake gets 408 and is counted', async () => {
  const cluster = await roles({ events: echo, gatewayOptions: { handshakeTimeoutMs: 200 } });
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  peer.send('GET / HTTP/1.1\r\nHost: ');
  expect(String(await peer.ended)).toMatch(/^HTTP\/1\.1 408 /);
  expect(cluster.gateways[0]?.status().limits['handshakeTimeout']).toBe(1);
});

test('maxConnections: one more client gets 503 until another leaves', async () => {
  const cluster = await roles({ events: echo, gatewayOptions: { maxConnections: 2 } });
  const first = await cluster.connect();
  await cluster.connect();
  const refused = await cluster.refusedHandshake();
  expect(refused).toMatchObject({ status: 503, body: 'too many connections\n' });
  expect(refused.headers['retry-after']).toBe('1');
  expect(cluster.gateways[0]?.status().limits['connections']).toBe(1);
  await first.close();
  await eventually(() =>
    cluster.connect().then(
      () => true,
      () => false,
    ),
  );
});

test('maxConnectionsPerIp: one more of an address gets 429, others connect', async () => {
  const cluster = await roles({
    events: echo,
    gatewayOptions: { maxConnectionsPerIp: 1, trustProxy: ['127.0.0.1'] },
  });
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
  const first = await cluster.connect(0, '/', from('9.9.9.1'));
  await cluster.connect(0, '/', from('9.9.9.2'));
  expect(await cluster.refusedHandshake(0, '/', from('9.9.9.1'))).toMatchObject({ status: 429 });
  expect(cluster.gateways[0]?.status().limits['connectionsPerIp']).toBe(1);
  await first.close();
  await eventually(() =>
    cluster.connect(0, '/', from('9.9.9.1')).then(
      () => true,
      () => false,
    ),
  );
});

test('pings: a burst is answered in order, messages pass between them', async () => {
  const cluster = await roles({ events: echo, gateways: 2, workers: 2 });
  const client = new WebSocket(`ws://127.0.0.1:${cluster.gateways[0]?.port}/`);
  await once(client, 'open');
  const pongs: string[] = [];
  client.on('pong', (data) => pongs.push(data.toString()));
  const expected = Array.from({ length: 2000 }, (_, index) => `ping ${index}`);
  for (const data of expected) client.ping(data);
  client.send('x');
  const [answer] = await once(client, 'message');
  expect(String(answer)).toBe('x');
  await eventually(() => pongs.length === expected.length);
  expect(pongs).toEqual(expected);
  client.terminate();
});
