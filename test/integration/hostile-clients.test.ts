import { eventually, openTcpPeer, type Roles, type TcpPeer } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';

const upgrade =
  'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';

async function rawWebsocket(cluster: Roles): Promise<TcpPeer> {
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  peer.send(upgrade);
  await eventually(() => peer.received.includes('\r\n\r\n'));
  return peer;
}

/** The close code at the end of what a raw websocket got. */
function closeCode(received: Buffer): number | undefined {
  const start = received.indexOf('\r\n\r\n') + 4;
  const frames = received.subarray(start);
  return frames[0] === 0x88 ? frames.readUInt16BE(2) : undefined;
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
      onClose: (_id, ctx) => void ends.push(ctx.closed?.by),
    },
    gatewayOptions: { maxMessageBytes: 5000 },
  });
  const other = await cluster.connect();
  const peer = await rawWebsocket(cluster);
  peer.send(Buffer.from(bytes));
  await eventually(() => closeCode(peer.received) === code);
  peer.destroy();
  await eventually(() => ends.length === 1);
  expect(ends).toEqual(['protocol']);
  other.send('x');
  expect(await other.next()).toBe('x');
});

test('plain HTTP and broken handshakes are refused, and clients are not disturbed', async () => {
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

test('a client that drops its connection has its end, with 1006', async () => {
  const ends: unknown[] = [];
  const cluster = await roles({ events: { onClose: (_id, ctx) => void ends.push(ctx.closed) } });
  const client = await cluster.connect();
  client.terminate();
  await eventually(() => ends.length === 1);
  expect(ends).toMatchObject([{ by: 'client', code: 1006 }]);
});
