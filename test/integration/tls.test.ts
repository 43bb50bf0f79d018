import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { eventually, makeCertificate, openTcpPeer, TestClient } from '@gatewayworker/testing';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { roles } from './roles.ts';

let certificate: Awaited<ReturnType<typeof makeCertificate>>;

beforeAll(async () => {
  certificate = await makeCertificate();
});

const events = {
  onMessage: (
    _id: string,
    message: string | Buffer,
    ctx: { send(data: string | Buffer): boolean },
  ) => void ctx.send(message),
};

async function openTls(port: number): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: certificate.cert,
    servername: 'localhost',
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

test('wss: text and binary pass both ways, long messages too', async () => {
  const cluster = await roles({
    events,
    gateways: 2,
    workers: 2,
    gatewayOptions: { tls: certificate },
  });
  for (const gateway of cluster.gateways) {
    const websocket = new WebSocket(`wss://localhost:${gateway.port}/`, { ca: certificate.cert });
    const client = new TestClient(websocket);
    await once(websocket, 'open');
    const long = 'x'.repeat(200_000);
    client.send(long);
    client.send(Buffer.from([1, 2, 3]));
    expect(await client.next()).toBe(long);
    expect(await client.next()).toEqual(Buffer.from([1, 2, 3]));
    await client.close();
  }
});

test.each(['text', 'frame', 'tcp'])('%s over TLS: the same bytes as without', async (scheme) => {
  const cluster = await roles({
    events,
    gatewayOptions: { tls: certificate, listen: `${scheme}://127.0.0.1:0` },
  });
  const socket = await openTls(cluster.gateways[0]?.port ?? 0);
  const bytes = Buffer.from({ text: 'hi\n', frame: '\0\0\0\x06hi', tcp: 'hi' }[scheme] ?? '');
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  socket.write(bytes);
  await eventually(() => received.equals(bytes));
});

test('TLS: clients without it or without trust are dropped, others stay', async () => {
  const seen: string[] = [];
  const cluster = await roles({
    events: {
      ...events,
      onConnect: () => void seen.push('connect'),
      onClose: () => void seen.push('close'),
    },
    gatewayOptions: { tls: certificate, listen: 'text://127.0.0.1:0' },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const plain = await openTcpPeer(port);
  plain.send('GET / HTTP/1.1\r\n\r\n');
  expect(await plain.ended).toEqual(Buffer.alloc(0));
  const stranger = connect({ port, host: '127.0.0.1', servername: 'localhost' });
  await expect(once(stranger, 'secureConnect')).rejects.toThrow();
  const socket = await openTls(port);
  socket.write('hi\n');
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toBe('hi\n');
  expect(seen).toEqual(['connect']);
});

test('TLS: an unfinished handshake is closed at its deadline and counted', async () => {
  const cluster = await roles({
    events,
    gatewayOptions: { tls: certificate, handshakeTimeoutMs: 200 },
  });
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  peer.send(Buffer.from([0x16, 0x03, 0x01]));
  await peer.ended;
  expect(cluster.gateways[0]?.status().limits['handshakeTimeout']).toBe(1);
});
