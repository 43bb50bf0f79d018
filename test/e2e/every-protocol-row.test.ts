import { once } from 'node:events';
import { connect } from 'node:tls';
import {
  type Certificate,
  eventually,
  makeCertificate,
  openTcpPeer,
  TcpPeer,
  TestClient,
} from '@gatewayworker/testing';
import type { GatewayClient } from 'gatewayworker';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Caller, type EveryRow, startEveryRow } from './fixtures/every-row/every-row.ts';

/** Positions of the gateways; those of byte streams also say how they frame a text and bytes. */
const websocket = 0;
const wss = 5;
const forwarded = 7;
const proxied = 8;

interface Stream {
  readonly name: string;
  readonly gateway: number;
  readonly isTls?: boolean;
  text(data: string): Buffer;
  bytes(data: Buffer): Buffer;
}

const lines = {
  text: (data: string) => Buffer.from(`${data}\n`),
  bytes: (data: Buffer) => Buffer.concat([data, Buffer.from('\n')]),
};

const streams: readonly Stream[] = [
  { name: 'text', gateway: 1, ...lines },
  { name: 'frame', gateway: 2, text: (data) => frame(Buffer.from(data)), bytes: frame },
  { name: 'tcp', gateway: 3, text: (data) => Buffer.from(data), bytes: (data) => data },
  {
    name: 'an own protocol',
    gateway: 4,
    text: (data) => Buffer.from(`${data};`),
    bytes: (data) => Buffer.from(`[${data}];`),
  },
  { name: 'text with TLS', gateway: 6, isTls: true, ...lines },
];

function frame(data: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(data.length + 4);
  return Buffer.concat([header, data]);
}

let certificate: Certificate;
let row: EveryRow;
let api: GatewayClient;
let inside: Caller;

beforeAll(async () => {
  certificate = await makeCertificate();
  row = await startEveryRow([
    { scheme: 'websocket', perMessageDeflate: true, subprotocols: ['row.v1', 'row.v2'] },
    { scheme: 'text', count: 1 },
    { scheme: 'frame', count: 1 },
    { scheme: 'tcp', count: 1 },
    { scheme: 'semicolons', count: 1 },
    { scheme: 'websocket', tls: certificate },
    { scheme: 'text', tls: certificate, count: 1 },
    { scheme: 'websocket', trustProxy: ['127.0.0.0/8'], count: 1 },
    { scheme: 'text', trustProxy: true, proxyProtocol: true, count: 1 },
  ]);
  api = await row.connectApi();
  inside = await row.callInside(1);
});

afterAll(() => row?.dispose());

/** A client of a byte stream, and how to see what it got after its greeting. */
async function openStream({
  gateway,
  isTls = false,
  text,
}: Stream): Promise<{ peer: TcpPeer; rest(): Buffer }> {
  const peer = await (isTls ? openTls(gateway) : openTcpPeer(row.ports[gateway] ?? 0));
  onTestFinished(() => peer.destroy());
  const greeting = await eventually(() => {
    const start = peer.received.indexOf('{');
    const end = peer.received.indexOf('}');
    const sent = text(peer.received.toString('utf8', start, end + 1));
    return start >= 0 && end > start && peer.received.length >= sent.length && sent;
  });
  expect(peer.received).toEqual(greeting);
  return { peer, rest: () => peer.received.subarray(greeting.length) };
}

async function openTls(gateway: number): Promise<TcpPeer> {
  const port = row.ports[gateway] ?? 0;
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: certificate.cert,
    servername: 'localhost',
  });
  await once(socket, 'secureConnect');
  return new TcpPeer(socket);
}

async function openWss(): Promise<TestClient> {
  const socket = new WebSocket(`wss://localhost:${row.ports[wss]}/`, { ca: certificate.cert });
  const client = new TestClient(socket);
  onTestFinished(() => client.terminate());
  await client.next();
  return client;
}

test.each(streams)('$name: messages go both ways, and stay apart', async (stream) => {
  const { peer, rest } = await openStream(stream);
  // One at a time for raw chunks, which have no borders.
  const words = stream.name === 'tcp' ? ['one'] : ['one', 'twö', ''];
  peer.send(Buffer.concat(words.map((word) => stream.text(word))));
  const answers = words.map((word) =>
    // Frames carry bytes, and bytes they stay.
    stream.name === 'frame' ? stream.bytes(Buffer.from(word)) : stream.text(word),
  );
  await eventually(() => rest().equals(Buffer.concat(answers)));
});

test('wss: text and bytes go both ways, at both gateway processes', async () => {
  for (const client of [await openWss(), await openWss()]) {
    client.send('text');
    client.send(Buffer.from('bytes'));
    expect([await client.next(), await client.next()]).toEqual(['text', Buffer.from('bytes')]);
  }
});

test('a client without TLS, or that does not trust the certificate, gets nowhere', async () => {
  const count = await api.getAllClientIdCount();
  const plain = await openTcpPeer(row.ports[6] ?? 0);
  plain.send('in the clear\n');
  expect(await plain.ended).not.toContain('{');
  const stranger = connect({ port: row.ports[6] ?? 0, host: '127.0.0.1', servername: 'localhost' });
  await expect(once(stranger, 'secureConnect')).rejects.toThrow();
  // Clients of the tests before may still go; nobody has come.
  expect(await api.getAllClientIdCount()).toBeLessThanOrEqual(count);
});

test('a broadcast is framed for each protocol, from outside and from a worker', async () => {
  const websockets = [
    ...(await row.openBoth(2)).map(({ client }) => client),
    await openWss(),
    await openWss(),
  ];
  const peers: Awaited<ReturnType<typeof openStream>>[] = [];
  for (const stream of streams) peers.push(await openStream(stream));
  const bytes = Buffer.from('bytes');
  api.sendToAll('hällo');
  api.sendToAll(bytes);
  await eventually(() => websockets.every(({ messages }) => messages.length === 2));
  await inside.run(['sendToAll', 'from inside']);
  await eventually(() => websockets.every(({ messages }) => messages.length === 3));
  for (const { messages } of websockets) expect(messages).toEqual(['hällo', bytes, 'from inside']);
  const expected = streams.map(({ text, bytes: ofBytes }) =>
    Buffer.concat([text('hällo'), ofBytes(bytes), text('from inside')]),
  );
  await eventually(() => {
    expect(peers.map(({ rest }) => rest().toString())).toEqual(expected.map(String));
    return true;
  });
  for (const client of websockets) client.terminate();
});

test('permessage-deflate and a subprotocol are agreed on by both gateway processes', async () => {
  for (let round = 0; round < 2; round += 1) {
    const url = `ws://127.0.0.1:${row.ports[websocket]}/`;
    const socket = new WebSocket(url, ['other', 'row.v2', 'row.v1']);
    const client = new TestClient(socket);
    onTestFinished(() => client.terminate());
    await client.next();
    expect(socket.extensions).toContain('permessage-deflate');
    expect(socket.protocol).toBe('row.v2');
    const long = 'to be compressed '.repeat(2000);
    client.send(long);
    expect(await client.next()).toBe(long);
  }
});

test('X-Forwarded-For counts from a trusted proxy only', async () => {
  const headers = { 'x-forwarded-for': '6.6.6.6, 203.0.113.7' };
  const addresses: unknown[] = [];
  for (const gateway of [forwarded, websocket]) {
    const { client } = await row.open('/', { headers }, gateway);
    client.send(JSON.stringify({ do: 'describe' }));
    addresses.push(Reflect.get(Object(await client.nextJson()), 'remoteAddress'));
    client.terminate();
  }
  expect(addresses).toEqual(['203.0.113.7', '127.0.0.1']);
});

test('a PROXY header names the client, and without one the connection is closed', async () => {
  const peer = await openTcpPeer(row.ports[proxied] ?? 0);
  onTestFinished(() => peer.destroy());
  peer.send('PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n{"do":"describe"}\n');
  await eventually(() =>
    peer.received.includes('"remoteAddress":"203.0.113.7","remotePort":40000'),
  );
  const without = await openTcpPeer(row.ports[proxied] ?? 0);
  without.send('{"do":"describe"}\n');
  expect(await without.ended).toHaveLength(0);
});
