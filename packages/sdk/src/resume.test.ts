import { encodeGatewayFrame, encodeText } from '@gatewayworker/client-protocol';
import { expect, test } from 'vitest';
import { outcomeOf, pass, start, useVirtualTime } from './client.fixture.ts';

useVirtualTime();

const text = (value: unknown) => ({ isBinary: false, payload: encodeText(JSON.stringify(value)) });

test('resume: keeps the client id and gets the missed messages in order', async () => {
  const { client, events, messages, server } = start();
  await pass();
  server.send(1);
  await pass();
  server.drop();
  server.send(2);
  server.send(3);
  await pass(1000);
  server.send(4);
  await pass();
  expect(messages).toEqual([1, 2, 3, 4]);
  expect(client.clientId).toBe('fake-1');
  expect(events.map(([name]) => name)).toEqual(['open', 'down', 'open']);
  expect(events[2]?.[1]).toEqual({ resumed: true, reason: '', clientId: 'fake-1' });
});

test('resume: Hello names the id, the secret and the positions of each source', async () => {
  const { server } = start();
  await pass();
  server.send('a', { source: 7 });
  server.send('b', { source: 7 });
  server.send('c', { source: 9 });
  await pass();
  server.drop();
  await pass(1000);
  expect(server.framesOf('hello')[1]?.resume).toEqual({
    clientId: 'fake-1',
    secret: Uint8Array.of(1),
    positions: new Map([
      [7, 2],
      [9, 1],
    ]),
  });
});

test('resume: a client that has received nothing has the positions of the welcome', async () => {
  const { server } = start();
  server.send('before the client', { source: 7 });
  await pass();
  server.drop();
  await pass(1000);
  expect(server.framesOf('hello')[1]?.resume?.positions).toEqual(new Map([[7, 1]]));
});

test('resume: uses the secret of the last welcome', async () => {
  const { server } = start();
  await pass();
  for (let count = 0; count < 3; count += 1) {
    server.drop();
    await pass(10_000);
  }
  const secrets = server.framesOf('hello').map(({ resume }) => resume?.secret[0]);
  expect(secrets).toEqual([undefined, 1, 2, 3]);
});

test('resume: repeated after its answer was lost, it uses the same secret', async () => {
  const { client, server } = start({ latencyMs: 10 });
  await pass(100);
  server.drop();
  // The gateway has answered, and the answer is on the way.
  await pass(25);
  expect(server.framesOf('hello')).toHaveLength(2);
  server.drop();
  await pass(10_000);
  expect(server.framesOf('hello').map(({ resume }) => resume?.secret[0])).toEqual([
    undefined,
    1,
    1,
  ]);
  expect(client.clientId).toBe('fake-1');
  expect(client.state).toBe('open');
});

test('resume: a gateway that ends during the resume is left for another attempt', async () => {
  const { client, server } = start({ latencyMs: 10 });
  await pass(100);
  server.drop();
  await pass(15);
  expect(client.state).toBe('connecting');
  server.drop(1011);
  await pass(10_000);
  expect(client.state).toBe('open');
  expect(client.clientId).toBe('fake-1');
});

test('resume: a replayed message that was received before is ignored', async () => {
  const { messages, server } = start();
  await pass();
  server.send('a');
  await pass();
  const again = { op: 'message', source: 1, offset: 1, ...text('a') } as const;
  server.sendFrame(again);
  server.drop();
  await pass(1000);
  server.sendFrame(again);
  await pass();
  expect(messages).toEqual(['a']);
});

test('resume: a message without an offset is never ignored', async () => {
  const { messages, server } = start();
  await pass();
  server.send('a', { source: 0 });
  server.send('a', { source: 0 });
  await pass();
  expect(messages).toEqual(['a', 'a']);
});

test('resume: messages of two sources are counted separately', async () => {
  const { messages, server } = start();
  await pass();
  server.sendFrame({ op: 'message', source: 1, offset: 50, ...text('a') });
  server.sendFrame({ op: 'message', source: 2, offset: 3, ...text('b') });
  server.sendFrame({ op: 'message', source: 1, offset: 51, ...text('c') });
  await pass();
  expect(messages).toEqual(['a', 'b', 'c']);
});

test('resume: pings keep the positions of a quiet client young', async () => {
  const { server } = start();
  await pass();
  server.sendFrame({ op: 'ping', positions: new Map([[7, 900]]) });
  server.sendFrame({ op: 'ping', positions: new Map([[7, 800]]) });
  await pass();
  server.drop();
  await pass(1000);
  expect(server.framesOf('hello')[1]?.resume?.positions).toEqual(new Map([[7, 900]]));
});

test('resume: only the 1,024 sources that were heard last are named', async () => {
  const { server } = start();
  await pass();
  for (let source = 1; source <= 1100; source += 1) server.send(source, { source });
  server.send('again', { source: 500 });
  await pass();
  server.drop();
  await pass(1000);
  const positions = server.framesOf('hello')[1]?.resume?.positions ?? new Map();
  expect(positions.size).toBe(1024);
  expect([...positions.keys()].slice(0, 2)).toEqual([77, 78]);
  expect([...positions.entries()].at(-1)).toEqual([500, 2]);
});

test('position: moves after the handlers of the message have returned', async () => {
  const { client, server } = start();
  await pass();
  const frame = encodeGatewayFrame({ op: 'message', source: 1, offset: 1, ...text('a') });
  let calls = 0;
  client.on('message', () => {
    calls += 1;
    // The same message again, while the first one is being handled.
    if (calls === 1)
      Reflect.apply(Object(server.socket.onmessage), undefined, [{ data: frame.buffer }]);
  });
  server.send('a');
  await pass();
  expect(calls).toBe(2);
  server.socket.deliver(frame);
  await pass();
  expect(calls).toBe(2);
});

test('outbox: what the gateway has not received is sent again, before newer ones', async () => {
  const { client, server } = start({ latencyMs: 10 });
  await pass(100);
  const first = [1, 2].map((value) => client.send(value));
  // The messages are on the way.
  server.drop();
  const later = client.send(3);
  await pass(1000);
  expect(server.messages).toEqual([1, 2, 3]);
  expect(server.framesOf('send').map(({ number }) => number)).toEqual([1, 2, 3]);
  expect(await Promise.all([...first, later].map(outcomeOf))).toEqual([
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ]);
});

test('outbox: what the gateway has received is not sent again', async () => {
  const { client, server } = start({ latencyMs: 10 });
  await pass(100);
  const call = client.send(1);
  // It has arrived, and its Handled is on the way.
  await pass(15);
  expect(server.messages).toEqual([1]);
  server.drop();
  await pass(1000);
  expect(server.framesOf('send')).toHaveLength(1);
  expect(await outcomeOf(call)).toBe('fulfilled');
});

test('outbox: a request in flight gets its reply after the resume', async () => {
  const { client, server } = start({ latencyMs: 10 });
  await pass(100);
  const call = client.request('echo', 5);
  await pass(15);
  server.drop();
  await pass(1000);
  expect(await call).toBe(5);
  expect(server.framesOf('request')).toHaveLength(1);
});

test('new session: what was sent fails, what was not sent is sent with new numbers', async () => {
  const { client, events, server } = start({ latencyMs: 10 });
  await pass(100);
  await Promise.all([client.send(0), pass(50)]);
  const sent = [client.send(1), client.request('echo', 1)];
  server.drop();
  server.forgetSessions();
  const unsent = [client.send(2), client.request('echo', 2)];
  await pass(1000);
  expect(await Promise.all(sent.map(outcomeOf))).toEqual(['session-lost', 'session-lost']);
  expect(await Promise.all(unsent.map(outcomeOf))).toEqual(['fulfilled', 'fulfilled']);
  expect(server.messages).toEqual([0, 2]);
  expect(server.framesOf('send').map(({ number }) => number)).toEqual([1, 1]);
  expect(client.clientId).toBe('fake-2');
  expect(events.at(-1)).toEqual([
    'open',
    { resumed: false, reason: 'unknown', clientId: 'fake-2' },
  ]);
});

test('new session: positions begin at those of its welcome', async () => {
  const { messages, server } = start();
  await pass();
  server.send('a');
  server.send('b');
  await pass();
  server.drop();
  server.forgetSessions();
  await pass(1000);
  server.sendFrame({ op: 'message', source: 1, offset: 2, ...text('old') });
  server.sendFrame({ op: 'message', source: 1, offset: 3, ...text('new') });
  server.sendFrame({ op: 'message', source: 5, offset: 1, ...text('other') });
  await pass();
  expect(messages).toEqual(['a', 'b', 'new', 'other']);
});

test.each([
  [4450, 'superseded'],
  [4451, 'window ended'],
])('close code %i: the next session is new, and what was sent fails', async (code, reason) => {
  const { client, events, server } = start({ latencyMs: 10 });
  await pass(100);
  const sent = client.send(1);
  server.drop(code, reason);
  expect(await outcomeOf(sent)).toBe('session-lost');
  await pass(1000);
  expect(server.framesOf('hello')[1]).toEqual({ op: 'hello' });
  expect(events.at(-1)).toEqual(['open', { resumed: false, reason, clientId: 'fake-2' }]);
  expect(client.state).toBe('open');
});

test.each([1000, 1002, 1007, 1008, 1009, 3000, 4000, 4399, 4500, 4503])(
  'close code %i: ends the client',
  async (code) => {
    const { client, events, server } = start();
    await pass();
    server.drop(code, 'why');
    expect(client.state).toBe('closed');
    expect(events.at(-1)).toEqual(['closed', { code, reason: 'why', status: undefined }]);
    await pass(60_000);
    expect(server.sockets).toHaveLength(1);
  },
);

test.each([1001, 1005, 1006, 1011, 1012, 1013, 4408])(
  'close code %i: the session resumes',
  async (code) => {
    const { client, server } = start();
    await pass();
    server.drop(code);
    await pass(1000);
    expect(client.state).toBe('open');
    expect(server.framesOf('hello')[1]?.resume?.clientId).toBe('fake-1');
  },
);

test('takeover: one on the only connection resumes, a second one soon does not', async () => {
  const { client, events, server } = start();
  await pass();
  server.drop(4412);
  await pass(1000);
  expect(client.clientId).toBe('fake-1');
  server.drop(4412, 'elsewhere');
  await pass(1000);
  expect(client.clientId).toBe('fake-2');
  expect(events.at(-1)?.[1]).toMatchObject({ resumed: false, reason: 'elsewhere' });
});

test('takeover: two with much time between them resume both times', async () => {
  const { client, server } = start();
  await pass();
  server.drop(4412);
  await pass(11_000);
  server.drop(4412);
  await pass(1000);
  expect(client.clientId).toBe('fake-1');
});
