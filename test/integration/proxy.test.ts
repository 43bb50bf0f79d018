import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import { eventually, makeCertificate, openTcpPeer } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

/** Sends each client the address that the gateway sees. */
const whoAmI = {
  onConnect: (
    _id: string,
    ctx: { remoteAddress: string; remotePort: number; send(data: string): boolean },
  ) => void ctx.send(`${ctx.remoteAddress} ${ctx.remotePort}`),
};

const header1 = 'PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n';
const header2 = Buffer.from('0d0a0d0a000d0a515549540a2111000ccb0071077f0000019c400050', 'hex');
const header6 = 'PROXY TCP6 2001:db8::7 ::1 40000 80\r\n';

test('X-Forwarded-For: counts from a trusted proxy only', async () => {
  const cluster = await roles({
    events: whoAmI,
    gateways: 2,
    workers: 2,
    gatewayOptions: (id) => (id === 0 ? { trustProxy: ['127.0.0.0/8'] } : {}),
  });
  const headers = { 'x-forwarded-for': '6.6.6.6, 203.0.113.7' };
  const trusted = await cluster.connect(0, '/', { headers });
  expect(await trusted.next()).toBe('203.0.113.7 0');
  const ignored = await cluster.connect(1, '/', { headers });
  expect(await ignored.next()).toMatch(/^127\.0\.0\.1 \d+$/);
  const direct = await cluster.connect(0);
  expect(await direct.next()).toMatch(/^127\.0\.0\.1 [1-9]\d*$/);
});

test.each([
  ['version 1', header1, '203.0.113.7 40000\n'],
  ['version 2', header2, '203.0.113.7 40000\n'],
  ['IPv6', header6, '2001:db8::7 40000\n'],
])('PROXY header: %s names the client', async (_name, header, expected) => {
  const cluster = await roles({
    events: { ...whoAmI, onMessage: (_id, message, ctx) => void ctx.send(message) },
    gateways: 2,
    workers: 2,
    gatewayOptions: {
      listen: 'text://127.0.0.1:0',
      trustProxy: ['127.0.0.1'],
      proxyProtocol: true,
    },
  });
  const whole = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  onTestFinished(() => whole.destroy());
  whole.send(Buffer.concat([Buffer.from(header), Buffer.from('first\n')]));
  await eventually(() => whole.received.equals(Buffer.from(`${expected}first\n`)));
  // In pieces of one byte.
  const bytewise = connectTcp({ port: cluster.gateways[1]?.port ?? 0, host: '127.0.0.1' });
  onTestFinished(() => void bytewise.destroy());
  bytewise.setNoDelay(true);
  await once(bytewise, 'connect');
  let received = '';
  bytewise.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  for (const byte of Buffer.concat([Buffer.from(header), Buffer.from('x\n')])) {
    bytewise.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => received === `${expected}x\n`);
});

test('PROXY header: read before TLS and the websocket handshake', async () => {
  const certificate = await makeCertificate();
  const cluster = await roles({
    events: whoAmI,
    gatewayOptions: { tls: certificate, trustProxy: true, proxyProtocol: true },
  });
  const raw = connectTcp({ port: cluster.gateways[0]?.port ?? 0, host: '127.0.0.1' });
  await once(raw, 'connect');
  raw.write(header1);
  const socket = connect({ socket: raw, ca: certificate.cert, servername: 'localhost' });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  socket.write(handshakeWith([]));
  await eventually(() => received.endsWith('203.0.113.7 40000'));
  expect(received).toMatch(/^HTTP\/1\.1 101 /);
});

test('PROXY header: a handshake in the same packet is not lost', async () => {
  const cluster = await roles({
    events: whoAmI,
    gatewayOptions: { trustProxy: true, proxyProtocol: true },
  });
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  onTestFinished(() => peer.destroy());
  peer.send(header1 + handshakeWith([]));
  await eventually(() => peer.received.includes('203.0.113.7 40000'));
});

/** A handshake with more header lines. */
function handshakeWith(lines: readonly string[]): string {
  return (
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
    `${lines.map((line) => `${line}\r\n`).join('')}\r\n`
  );
}

const zones = [
  '::ffff:1.2.3.4%x',
  '[::ffff:1.2.3.4%x]:5',
  'fe80::1%eth0',
  '::1%[',
  '::ffff:0:0%/?',
];

test.each([
  ['no proxy is trusted', {}],
  ['all proxies are trusted', { trustProxy: true }],
  ['the peer is a trusted proxy', { trustProxy: ['127.0.0.1', '10.0.0.0/8'] }],
])('X-Forwarded-For: an address with a zone is not used, %s', async (_name, gatewayOptions) => {
  const cluster = await roles({
    events: { ...whoAmI, onMessage: (_id, message, ctx) => void ctx.send(message) },
    gatewayOptions,
  });
  const other = await cluster.connect();
  await other.next();
  for (const zone of zones) {
    for (const header of [zone, `${zone}, 10.0.0.2`, `9.9.9.9, ${zone}`]) {
      const client = await cluster.connect(0, '/', { headers: { 'x-forwarded-for': header } });
      expect(await client.next()).not.toContain('%');
      client.terminate();
    }
  }
  other.send('still here');
  expect(await other.next()).toBe('still here');
});

test("X-Forwarded-For: a proxy's line counts after 2500 lines of its client", async () => {
  const cluster = await roles({ events: whoAmI, gatewayOptions: { trustProxy: ['127.0.0.1'] } });
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  onTestFinished(() => peer.destroy());
  const lines = Array.from({ length: 2500 }, (_, index) => `${(index % 36).toString(36)}:`);
  peer.send(handshakeWith([...lines, 'X-Forwarded-For: 203.0.113.7']));
  await eventually(() => peer.received.includes('203.0.113.7 0'));
  const greedy = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  greedy.send(handshakeWith(lines.map((line) => `${line} 1234567`)));
  expect((await greedy.ended).toString()).toMatch(/^HTTP\/1\.1 431 /);
});

test('maxConnectionsPerIp: an IPv6 /64 counts as one address', async () => {
  const cluster = await roles({
    events: whoAmI,
    gatewayOptions: { trustProxy: ['127.0.0.1'], maxConnectionsPerIp: 2 },
  });
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
  await cluster.connect(0, '/', from('2001:db8:0:1::1'));
  await cluster.connect(0, '/', from('2001:DB8:0:1:0:0:0:2'));
  const refused = await cluster.refusedHandshake(0, '/', from('2001:db8:0:1:ffff::1'));
  expect(refused.status).toBe(429);
  const neighbour = await cluster.connect(0, '/', from('2001:db8:0:2::1'));
  expect(await neighbour.next()).toBe('2001:db8:0:2::1 0');
});

test.each([
  ['no header', ['127.0.0.1'], 'GET / HTTP/1.1\r\n\r\n'],
  ['a malformed header', ['127.0.0.1'], 'PROXY TCP4 nonsense\r\n'],
  ['an address with a zone', ['127.0.0.1'], 'PROXY TCP6 ::ffff:1.2.3.4%x ::1 5 6\r\n'],
  ['a destination with a zone', ['127.0.0.1'], 'PROXY TCP6 ::1 fe80::1%x 5 6\r\n'],
  ['a header of a stranger', ['10.0.0.1'], header1],
])('PROXY header: a connection with %s is closed', async (_name, trustProxy, bytes) => {
  const cluster = await roles({
    events: whoAmI,
    gatewayOptions: { listen: 'text://127.0.0.1:0', trustProxy, proxyProtocol: true },
  });
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  peer.send(bytes);
  expect(await peer.ended).toHaveLength(0);
  expect(cluster.log.some((line) => line['msg'] === 'connection refused')).toBe(true);
});

test('PROXY header: a connection without it is closed at handshakeTimeoutMs', async () => {
  const cluster = await roles({
    events: whoAmI,
    gatewayOptions: { trustProxy: true, proxyProtocol: true, handshakeTimeoutMs: 200 },
  });
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  peer.send('PROXY TCP4 ');
  await peer.ended;
  expect(cluster.gateways[0]?.status().limits['handshakeTimeout']).toBe(1);
});
