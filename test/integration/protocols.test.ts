import { eventually, openTcpPeer, type Roles, type TcpPeer } from '@gatewayworker/testing';
import type { ClientProtocol, Context, GatewayClient } from 'gatewayworker';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

/** A semicolon ends each message. `#` marks bytes from a client, brackets mark bytes to it. */
const semicolons: ClientProtocol = {
  decode(buffer) {
    const end = buffer.indexOf(';');
    if (end < 0) return undefined;
    const text = buffer.toString('utf8', 0, end);
    if (text === 'throw') throw new Error('the decoder does not like it');
    const message = text.startsWith('#') ? Buffer.from(text.slice(1)) : text;
    return { message, byteLength: end + 1 };
  },
  encode(data) {
    if (data.toString() === 'unspeakable') throw new Error('the encoder does not like it');
    return typeof data === 'string' ? `${data};` : `[${data.toString()}];`;
  },
};

const echo = {
  onMessage: (_id: string, message: string | Buffer, ctx: Context) => void ctx.send(message),
};

/** One gateway of each protocol. */
const listens = [
  { listen: 'websocket://127.0.0.1:0' },
  { listen: 'text://127.0.0.1:0' },
  { listen: 'frame://127.0.0.1:0' },
  { listen: 'tcp://127.0.0.1:0' },
  { listen: 'semicolons://127.0.0.1:0', protocol: semicolons },
];

async function everyProtocol(events: Parameters<typeof roles>[0]['events']): Promise<Roles> {
  return await roles({
    events,
    gateways: listens.length,
    workers: 2,
    gatewayOptions: (id) => ({ ...listens[id], maxMessageBytes: 5000 }),
  });
}

async function open(cluster: Roles, gateway: number): Promise<TcpPeer> {
  const peer = await openTcpPeer(cluster.gateways[gateway]?.port ?? 0);
  onTestFinished(() => peer.destroy());
  return peer;
}

function framed(text: string): Buffer {
  const frame = Buffer.alloc(4 + Buffer.byteLength(text));
  frame.writeUInt32BE(frame.length);
  frame.write(text, 4);
  return frame;
}

test.each([
  ['text', 1, 'one\ntwo\r\n', 'one\ntwo\n', ['one', 'two']],
  [
    'frame',
    2,
    Buffer.concat([framed('one'), framed('')]),
    Buffer.concat([framed('one'), framed('')]),
    [Buffer.from('one'), Buffer.alloc(0)],
  ],
  ['tcp', 3, 'anything', 'anything', [Buffer.from('anything')]],
  ['an own protocol', 4, 'one;#two;', 'one;[two];', ['one', Buffer.from('two')]],
])(
  '%s: text is a string, bytes are a Buffer, both ways',
  async (_name, gateway, sent, expected, messages) => {
    const seen: unknown[] = [];
    const cluster = await everyProtocol({
      onMessage: (_id, message, ctx) => {
        seen.push(message);
        ctx.send(message);
      },
    });
    const peer = await open(cluster, gateway);
    peer.send(sent);
    await eventually(() => peer.received.equals(Buffer.from(expected)));
    expect(seen).toEqual(messages);
  },
);

test('byte stream: onConnect at accept, without a request, no onWebSocketConnect', async () => {
  const seen: unknown[] = [];
  const cluster = await everyProtocol({
    onHandshake: () => ({ accept: false }),
    onConnect: (_id, ctx) => {
      seen.push([ctx.request, ctx.remoteAddress, ctx.gatewayPort === cluster.gateways[1]?.port]);
      ctx.send('welcome');
    },
    onWebSocketConnect: () => void seen.push('never'),
  });
  const peer = await open(cluster, 1);
  await eventually(() => peer.received.equals(Buffer.from('welcome\n')));
  expect(seen).toEqual([[undefined, '127.0.0.1', true]]);
});

test('broadcast: reaches clients of every protocol, framed for each', async () => {
  let connected = 0;
  const workers: GatewayClient[] = [];
  const cluster = await everyProtocol({
    onWorkerStart: ({ gateway }) => void workers.push(gateway),
    onConnect: () => {
      connected += 1;
    },
  });
  const api = await cluster.gatewayClient();
  const websockets = [await cluster.connect(0), await cluster.connect(0)];
  const peers = await Promise.all([1, 2, 3, 4].map((gateway) => open(cluster, gateway)));
  await eventually(() => connected === 6);
  const bytes = Buffer.from('bytes');
  expect(api.sendToAll('hällo')).toBe(true);
  expect(api.sendToAll(bytes)).toBe(true);
  for (const websocket of websockets) {
    expect(await websocket.next()).toBe('hällo');
    expect(await websocket.next()).toEqual(bytes);
  }
  expect(workers[1]?.sendToAll('inside')).toBe(true);
  for (const websocket of websockets) expect(await websocket.next()).toBe('inside');
  const expected = [
    'hällo\nbytes\ninside\n',
    Buffer.concat(['hällo', 'bytes', 'inside'].map(framed)),
    'hällobytesinside',
    'hällo;[bytes];inside;',
  ];
  await eventually(() =>
    peers.every((peer, index) => peer.received.equals(Buffer.from(expected[index] ?? ''))),
  );
});

test('broadcast: framed once per gateway', async () => {
  let connected = 0;
  const encoded: string[] = [];
  const protocol = {
    decode: () => undefined,
    encode: (data: string | Buffer) => {
      encoded.push(String(data));
      return `${String(data)};`;
    },
  };
  const cluster = await roles({
    events: {
      onConnect: () => {
        connected += 1;
      },
    },
    gateways: 2,
    workers: 2,
    gatewayOptions: { listen: 'mine://127.0.0.1:0', protocol },
  });
  const api = await cluster.gatewayClient();
  const peers = await Promise.all([0, 0, 0, 1, 1].map((gateway) => open(cluster, gateway)));
  await eventually(() => connected === peers.length);
  for (const id of await api.getAllClientIdList()) api.joinGroup(id, 'g');
  api.sendToAll('all');
  api.sendToGroup('g', 'group');
  await eventually(() => peers.every((peer) => String(peer.received) === 'all;group;'));
  // Once by each of the two gateways.
  expect(encoded.sort()).toEqual(['all', 'all', 'group', 'group']);
});

test.each([
  ['text that is not UTF-8', 1, Buffer.of(0xc3, 0x28, 0x0a)],
  ['a line that is too long', 1, Buffer.alloc(6000, 0x61)],
  ['a frame shorter than its length', 2, Buffer.of(0, 0, 0, 1)],
  ['a frame that is too long', 2, Buffer.of(0x7f, 0xff, 0xff, 0xff)],
  ['a decoder that throws', 4, Buffer.from('throw;')],
  ['a message of an own protocol that never ends', 4, Buffer.alloc(6000, 0x61)],
])('malformed input: %s closes that client only', async (_name, gateway, bytes) => {
  const ends: unknown[] = [];
  const cluster = await everyProtocol({
    ...echo,
    onClose: (_id, ctx) => void ends.push(ctx.closed),
  });
  const [other, peer] = [await open(cluster, gateway), await open(cluster, gateway)];
  peer.send(bytes);
  await peer.ended;
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([{ by: 'protocol' }]);
  other.send(gateway === 2 ? framed('x') : gateway === 1 ? 'x\n' : 'x;');
  await eventually(() => other.received.length > 0);
});

const encodeFailed = 'encode of the protocol failed: the message was not sent';

test('own protocol: encode throws, only that message is not sent', async () => {
  const cluster = await everyProtocol({
    onMessage: (_id, message, ctx) => {
      ctx.send('unspeakable');
      ctx.send(message);
    },
  });
  const api = await cluster.gatewayClient();
  const peer = await open(cluster, 4);
  peer.send('a;');
  await eventually(() => peer.received.equals(Buffer.from('a;')));
  api.sendToAll('unspeakable');
  api.sendToAll('b');
  await eventually(() => peer.received.equals(Buffer.from('a;b;')));
  expect(cluster.gateways[4]?.status().limits).toMatchObject({ encodeError: 2, decodeError: 0 });
  const [failure] = cluster.log.filter((line) => line['msg'] === encodeFailed);
  expect(failure).toMatchObject({ err: { stack: expect.stringContaining('encode') } });
});

test('own protocol: decode throws, the client is closed, logged and counted', async () => {
  const decode = (buffer: Buffer) => {
    if (buffer.includes('bad')) throw new Error('my decode failed');
    return semicolons.decode(buffer);
  };
  const cluster = await roles({
    events: echo,
    gatewayOptions: { listen: 'own://127.0.0.1:0', protocol: { ...semicolons, decode } },
  });
  const other = await open(cluster, 0);
  for (let count = 0; count < 20; count += 1) {
    const peer = await open(cluster, 0);
    peer.send('bad;');
    await peer.ended;
  }
  other.send('a;');
  await eventually(() => other.received.equals(Buffer.from('a;')));
  expect(cluster.gateways[0]?.status().limits).toMatchObject({ decodeError: 20, internalError: 0 });
  const failures = cluster.log.filter(
    (line) => line['msg'] === 'decode of the protocol failed: the client was closed',
  );
  expect(failures[0]).toMatchObject({
    err: { message: 'my decode failed', stack: expect.stringContaining('protocols.test.ts') },
    remoteAddress: '127.0.0.1',
  });
  expect(failures.length).toBeLessThan(20);
});

test('own protocol: promises as results close the client, others stay', async () => {
  const reject = (): never => Promise.reject(new Error('later')) as never;
  const protocols = [
    { decode: reject, encode: (data: string | Buffer) => data },
    { decode: semicolons.decode, encode: reject },
  ];
  const cluster = await roles({
    events: echo,
    gateways: 2,
    gatewayOptions: (id) => ({
      listen: 'own://127.0.0.1:0',
      protocol: protocols[id] ?? semicolons,
    }),
  });
  const refused = await open(cluster, 0);
  refused.send('a;');
  await refused.ended;
  const deaf = await open(cluster, 1);
  deaf.send('a;');
  await eventually(() => cluster.log.some((line) => line['msg'] === encodeFailed));
  const lines = cluster.log.filter((line) => /returned a promise/.test(String(line['msg'])));
  expect(lines.map((line) => line['method'])).toEqual(['decode', 'encode']);
});

test('byte stream: closeClient sends the queue first, destroyClient does not', async () => {
  const ends: unknown[] = [];
  const ids: string[] = [];
  const cluster = await everyProtocol({
    onConnect: (id) => void ids.push(id),
    onClose: (_id, ctx) => void ends.push(ctx.closed?.by),
  });
  const api = await cluster.gatewayClient();
  const first = await open(cluster, 1);
  await eventually(() => ids.length === 1);
  const second = await open(cluster, 1);
  await eventually(() => ids.length === 2);
  const long = 'x'.repeat(300_000);
  api.sendToClient(ids[0] ?? '', long);
  api.closeClient(ids[0] ?? '', 'bye');
  expect(String(await first.ended)).toBe(`${long}\nbye\n`);
  api.destroyClient(ids[1] ?? '');
  await second.ended;
  await eventually(() => ends.length === 2);
  expect(ends).toEqual(['server', 'server']);
});

test('byte stream: reading stops at maxEventsInFlight, the order stays', async () => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const seen: string[] = [];
  const cluster = await roles({
    events: {
      onMessage: async (_id, message) => {
        await released;
        seen.push(String(message));
      },
    },
    gatewayOptions: { listen: 'text://127.0.0.1:0', maxEventsInFlight: 8 },
  });
  const peer = await open(cluster, 0);
  const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
  peer.send(`${lines.join('\n')}\n`);
  // onConnect is the first of the eight.
  await eventually(() => (cluster.gateways[0]?.status().limits['eventsInFlight'] ?? 0) > 0);
  expect(cluster.gateways[0]?.status().received).toBeLessThanOrEqual(8);
  release();
  await eventually(() => seen.length === lines.length);
  expect(seen).toEqual(lines);
});

test('byte stream: a silent client is closed by the heartbeat', async () => {
  const ends: unknown[] = [];
  const cluster = await roles({
    events: { onClose: (_id, ctx) => void ends.push(ctx.closed?.by) },
    gatewayOptions: { listen: 'text://127.0.0.1:0', pingInterval: 0.1, pingData: 'ping' },
  });
  const peer = await open(cluster, 0);
  expect(String(await peer.ended)).toMatch(/^ping\n/);
  await eventually(() => ends.length === 1);
  expect(ends).toEqual(['heartbeat']);
});

test('byte stream: a new client is closed while no worker is linked', async () => {
  const cluster = await roles({
    events: echo,
    workers: 0,
    gatewayOptions: { listen: 'text://127.0.0.1:0' },
  });
  const peer = await open(cluster, 0);
  expect(await peer.ended).toHaveLength(0);
});
