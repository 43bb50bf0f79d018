import { randomBytes } from 'node:crypto';
import { constants, deflateRawSync } from 'node:zlib';
import { DialerRole } from '@gatewayworker/protocol';
import {
  eventually,
  openTcpPeer,
  type Roles,
  type TcpPeer,
  type TestClient,
} from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { openProvedLink, throwBytes } from '../fuzz/peers.ts';
import { roles } from './roles.ts';
import { usedBytes } from './used-bytes.ts';
import { frame, goodHandshake, Opcode, openRaw } from './websocket-frames.ts';

const upgrade =
  'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';

async function rawWebsocket(cluster: Roles): Promise<TcpPeer> {
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  peer.send(upgrade);
  await eventually(() => peer.received.includes('\r\n\r\n'));
  return peer;
}

/** Code and reason of the close frame at the end of the bytes of a raw websocket. */
function closeFrame(received: Buffer): readonly [code: number, reason: string] | undefined {
  const start = received.indexOf('\r\n\r\n') + 4;
  const frames = received.subarray(start);
  const [first, length = 0] = frames;
  if (first !== 0x88 || frames.length < 2 + length) return undefined;
  return [frames.readUInt16BE(2), frames.toString('utf8', 4, 2 + length)];
}

test.each([
  ['an unmasked frame', [0x81, 0x01, 0x78], 1002],
  ['a reserved bit', [0xc1, 0x81, 0, 0, 0, 0, 0x78], 1002],
  ['a reserved opcode', [0x83, 0x80, 0, 0, 0, 0], 1002],
  ['a control frame that is fragmented', [0x09, 0x80, 0, 0, 0, 0], 1002],
  ['text that is not UTF-8', [0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007],
  ['a length of 2^63', [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1009],
  ['a message past the limit', [0x82, 0xfe, 0x27, 0x10, 0, 0, 0, 0], 1009],
])('%s closes that client only, with the right code', async (_name, bytes, code) => {
  const ends: unknown[] = [];
  const cluster = await roles({
    events: {
      onMessage: (_id, message, ctx) => void ctx.send(message),
      onClose: (_id, ctx) => void ends.push(ctx.closed),
    },
    gatewayOptions: { maxMessageBytes: 5000 },
  });
  const other = await cluster.connect();
  const peer = await rawWebsocket(cluster);
  peer.send(Buffer.from(bytes));
  const reason = code === 1009 ? 'a message is longer than 5000 bytes' : '';
  expect(await eventually(() => closeFrame(peer.received))).toEqual([code, reason]);
  peer.destroy();
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([{ by: 'protocol', code, reason }]);
  const tooBig = cluster.gateways[0]?.status().limits['messageTooBig'];
  expect(tooBig).toBe(code === 1009 ? 1 : 0);
  other.send('x');
  expect(await other.next()).toBe('x');
});

test('plain HTTP, broken handshakes: refused, other clients are served', async () => {
  const seen: string[] = [];
  const cluster = await roles({ events: { onConnect: (id) => void seen.push(id) } });
  const port = cluster.gateways[0]?.port ?? 0;
  const plain = await openTcpPeer(port);
  plain.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  expect(String(await plain.ended)).toMatch(/^HTTP\/1\.1 426 /);
  const noKey = await openTcpPeer(port);
  noKey.send('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  expect(String(await noKey.ended)).toMatch(/^HTTP\/1\.1 4\d\d /);
  const garbage = await openTcpPeer(port);
  garbage.send('\0\x01\x02garbage\r\n\r\n');
  expect(String(await garbage.ended)).toMatch(/^HTTP\/1\.1 400 /);
  await cluster.connect();
  await eventually(() => seen.length === 1);
});

test('dropped connection: onClose has 1006', async () => {
  const ends: unknown[] = [];
  const cluster = await roles({ events: { onClose: (_id, ctx) => void ends.push(ctx.closed) } });
  const client = await cluster.connect();
  client.terminate();
  await eventually(() => ends.length === 1);
  expect(ends).toMatchObject([{ by: 'client', code: 1006 }]);
});

const echo = {
  onMessage: (
    _id: string,
    message: string | Buffer,
    ctx: { send(data: string | Buffer): boolean },
  ) => void ctx.send(message),
};

/** Checks echoes of ten messages at a time until a promise settles, and once after. */
async function expectEchoesUntil(client: TestClient, isOver: () => boolean): Promise<void> {
  let wasOver = false;
  for (let round = 0; !wasOver; round += 1) {
    wasOver = isOver();
    const sent = Array.from({ length: 10 }, (_, index) => `round ${round}, message ${index}`);
    for (const message of sent) client.send(message);
    await eventually(() => client.messages.length >= sent.length, { intervalMs: 1 });
    expect(client.messages.splice(0)).toEqual(sent);
  }
}

test.each([
  ['one byte', Buffer.from('x')],
  ['nothing', Buffer.alloc(0)],
])('a million fragments of %s: closed with 1008, no memory is kept', async (_name, payload) => {
  const ends: unknown[] = [];
  const cluster = await roles({
    events: {
      ...echo,
      onClose: (_id, ctx) => void ends.push([ctx.closed?.by, ctx.closed?.code]),
    },
    // No pings: a busy machine takes longer than their interval.
    gatewayOptions: { maxMessageBytes: 16_777_216, pingInterval: 0 },
  });
  const other = await cluster.connect();
  const part = { isFinal: false };
  const first = frame(Opcode.Text, payload, part);
  const fragments = Buffer.alloc(first.length * 999_999, frame(Opcode.Continuation, payload, part));
  const raw = await openRaw(cluster.gateways[0]?.port ?? 0);
  const before = usedBytes();
  await raw.send(first);
  await raw.send(fragments);
  await expectEchoesUntil(other, () => raw.frames.length > 0 || raw.isEnded);
  expect(raw.frames).toEqual(['close 1008']);
  // A million Buffers take more than 100 MB.
  expect(usedBytes() - before).toBeLessThan(30_000_000);
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([['protocol', 1008]]);
});

test('deflate bombs: closed with 1009, another client is served', async () => {
  const cluster = await roles({
    events: echo,
    gatewayOptions: { perMessageDeflate: true, maxMessageBytes: 100_000, pingInterval: 0 },
  });
  const { port = 0 } = cluster.gateways[0] ?? {};
  const other = await cluster.connect();
  // 90 KB on the wire inflate to 90 MB.
  const bomb = frame(Opcode.Binary, deflateRawSync(Buffer.alloc(90_000_000)), { reserved: 4 });
  const head = goodHandshake.replace(
    /\r\n$/,
    'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
  );
  const attackers = await Promise.all(Array.from({ length: 10 }, () => openRaw(port, head)));
  const before = usedBytes();
  for (const attacker of attackers) await attacker.send(bomb);
  await expectEchoesUntil(other, () => attackers.every(({ frames }) => frames.length > 0));
  expect(attackers.map(({ frames }) => frames)).toEqual(attackers.map(() => ['close 1009']));
  expect(usedBytes() - before).toBeLessThan(30_000_000);
  expect(cluster.gateways[0]?.status().limits['messageTooBig']).toBe(10);
});

test('permessage-deflate: idle clients that have sent one message keep no inflater', async () => {
  const cluster = await roles({ events: {}, gatewayOptions: { perMessageDeflate: true } });
  const { port = 0 } = cluster.gateways[0] ?? {};
  const flushed = deflateRawSync(randomBytes(20_000).toString('hex'), {
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  const message = frame(Opcode.Text, flushed.subarray(0, -4), { reserved: 4 });
  const head = goodHandshake.replace(
    /\r\n$/,
    'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
  );
  const clients: Awaited<ReturnType<typeof openRaw>>[] = [];
  while (clients.length < 100) clients.push(await openRaw(port, head));
  const before = usedBytes();
  for (const client of clients) await client.send(message);
  await eventually(() => cluster.gateways[0]?.status().received === 100);
  await eventually(() => cluster.gateways[0]?.status().inFlight === 0);
  // An inflater takes at least 40 KB.
  await eventually(() => (usedBytes() - before) / 100 < 20_000);
});

test('handshake: byte by byte without an end, gets 408', async () => {
  const cluster = await roles({ events: echo, gatewayOptions: { handshakeTimeoutMs: 500 } });
  const other = await cluster.connect();
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  peer.send('GET / HTTP/1.1\r\nHost: ');
  await expectEchoesUntil(other, () => {
    peer.send('x');
    return peer.received.length > 0;
  });
  expect(String(await peer.ended)).toMatch(/^HTTP\/1\.1 408 /);
  expect(cluster.gateways[0]?.status().limits['handshakeTimeout']).toBe(1);
});

test('handshake: 100 KB of headers get 431', async () => {
  const cluster = await roles({ events: echo });
  const other = await cluster.connect();
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  const headers = Array.from({ length: 1000 }, (_, index) => `X-${index}: ${'x'.repeat(92)}\r\n`);
  peer.send(`GET / HTTP/1.1\r\n${headers.join('')}`);
  await expectEchoesUntil(other, () => peer.received.length > 0);
  expect(String(await peer.ended)).toMatch(/^HTTP\/1\.1 431 /);
});

test('gateway: unfinished messages are freed with their connections', async () => {
  const events = { onMessage: () => undefined };
  const cluster = await roles({ events });
  const { port = 0, innerPort = 0 } = cluster.gateways[0] ?? {};
  const part = Buffer.alloc(100_000, 'x');
  // A tenth of a message of 1 MB.
  const message = frame(Opcode.Text, Buffer.alloc(1_000_000, 'x')).subarray(0, part.length);
  const inner = Buffer.concat([Buffer.of(0, 0x10, 0, 0, 0x42), part]);
  const throwParts = async (): Promise<void> => {
    const link = await openProvedLink(innerPort, DialerRole.Client);
    link.send(inner);
    const how = { opening: goodHandshake, leave: 'end', packetBytes: part.length } as const;
    await Promise.all([link.close(), throwBytes(port, message, how)]);
  };
  const throwMany = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 10 }, throwParts));
    }
    await eventually(() => cluster.gateways[0]?.status().tables?.['clients'] === 0);
  };
  // The first connections make the process load and compile code, which stays in memory.
  await throwMany();
  const before = usedBytes();
  await throwMany();
  // The connections have used four times this.
  await eventually(() => usedBytes() - before < 10_000_000);
});
