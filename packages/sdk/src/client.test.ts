import { expect, test, vi } from 'vitest';
import { outcomeOf, pass, start, useVirtualTime } from './client.fixture.ts';
import { connect } from './connect.ts';
import { fakeServer } from './fake-server.ts';

useVirtualTime();

test('connect: opens a new session', async () => {
  const { client, events, server } = start();
  expect(client.state).toBe('connecting');
  expect(client.clientId).toBe('');
  await pass();
  expect(client.state).toBe('open');
  expect(client.clientId).toBe('fake-1');
  expect(events).toEqual([['open', { resumed: false, reason: '', clientId: 'fake-1' }]]);
  expect(server.frames).toEqual([{ op: 'hello' }]);
  expect(server.socket.protocols).toEqual(['gatewayworker.1']);
});

test('connect: sends the token in Hello, never in the URL', async () => {
  const token = vi.fn(async () => 'secret');
  const { server } = start({}, { token });
  await pass();
  expect(server.framesOf('hello')[0]?.token).toBe('secret');
  expect(server.socket.url).toBe('ws://fake');
  server.drop();
  await pass(1000);
  expect(token).toHaveBeenCalledTimes(2);
});

test('connect: a URL may come from a function', async () => {
  const server = fakeServer();
  connect(async () => 'ws://other', { WebSocket: server.WebSocket });
  await pass();
  expect(server.socket.url).toBe('ws://other');
});

test('connect: without a class WebSocket throws a TypeError', () => {
  vi.stubGlobal('WebSocket', undefined);
  expect(() => connect('ws://fake')).toThrow(TypeError);
});

test('connect: a gateway without the subprotocol ends the client', async () => {
  const { events, server } = start();
  server.selectsSubprotocol = false;
  await pass(60_000);
  expect(server.frames).toEqual([]);
  expect(events).toEqual([
    ['closed', { code: 4502, reason: 'no gatewayworker.1', status: undefined }],
  ]);
});

test('message: JSON is parsed, other text is a string, binary data is bytes', async () => {
  const { server, messages } = start();
  await pass();
  server.send({ a: 1 });
  server.send(Uint8Array.of(1, 2));
  server.sendFrame({
    op: 'message',
    source: 0,
    offset: 0,
    isBinary: false,
    payload: new TextEncoder().encode('not json'),
  });
  await pass();
  expect(messages).toEqual([{ a: 1 }, Uint8Array.of(1, 2), 'not json']);
});

test('message: names its source and offset', async () => {
  const { client, server } = start();
  const handler = vi.fn();
  client.on('message', handler);
  await pass();
  server.send('a', { source: 7 });
  await pass();
  expect(handler).toHaveBeenCalledWith('a', { source: 7, offset: 1 });
});

test('format text: text is sent and received unchanged', async () => {
  const { client, server, messages } = start({}, { format: 'text' });
  await pass();
  void client.send('{"a":1}');
  server.send({ a: 1 });
  await pass();
  expect(server.messages).toEqual([{ a: 1 }]);
  expect(messages).toEqual(['{"a":1}']);
  expect(() => client.send({ a: 1 })).toThrow(TypeError);
});

test('send: is fulfilled when the application has handled the message', async () => {
  const { client, server } = start({ isAutomatic: false });
  await pass();
  server.welcome();
  await pass();
  const call = client.send({ text: 'hi' });
  expect(await outcomeOf(call)).toBe('pending');
  expect(client.pending).toBe(1);
  server.sendFrame({ op: 'handled', number: 1 });
  expect(await outcomeOf(call)).toBe('fulfilled');
  expect(client.pending).toBe(0);
});

test('send: binary data of every kind is sent as bytes, as it was', async () => {
  const { client, server } = start();
  const bytes = Uint8Array.of(1, 2, 3);
  void client.send(bytes);
  void client.send(bytes.buffer);
  void client.send(new DataView(bytes.buffer, 1, 1));
  bytes.fill(9);
  await pass();
  expect(server.messages).toEqual([
    Uint8Array.of(1, 2, 3),
    Uint8Array.of(1, 2, 3),
    Uint8Array.of(2),
  ]);
});

test('send: what JSON does not have throws a TypeError', async () => {
  const { client } = start();
  expect(() => client.send(undefined)).toThrow(TypeError);
  expect(client.pending).toBe(0);
});

test('send: calls before the session is open are sent in their order', async () => {
  const { client, server } = start();
  const calls = [1, 2, 3].map((value) => client.send(value));
  await pass();
  expect(server.messages).toEqual([1, 2, 3]);
  expect(await Promise.all(calls.map(outcomeOf))).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
});

test('request: returns the reply', async () => {
  const onRequest = (type: string, data: unknown) => ({ type, data });
  const { client } = start({ onRequest });
  await pass();
  const call = client.request('sum', [1, 2]);
  await pass();
  expect(await call).toEqual({ type: 'sum', data: [1, 2] });
});

test('request: undefined and binary data go both ways', async () => {
  const { client } = start();
  await pass();
  const calls = [client.request('echo', undefined), client.request('echo', Uint8Array.of(7))];
  await pass();
  expect(await Promise.all(calls)).toEqual([undefined, Uint8Array.of(7)]);
});

test('request: fails with the code and message of the application', async () => {
  const onRequest = () => {
    throw Object.assign(new Error('no such room'), { code: 'NO_ROOM' });
  };
  const { client } = start({ onRequest });
  const call = client.request('join', {});
  await pass();
  await expect(call).rejects.toMatchObject({
    name: 'ClientError',
    code: 'NO_ROOM',
    message: 'Error: no such room',
  });
});

test('request: a reply that is not JSON is a string', async () => {
  const { client, server } = start({ isAutomatic: false });
  await pass();
  server.welcome();
  await pass();
  const call = client.request('sum', 1);
  server.sendFrame({
    op: 'reply',
    source: 0,
    offset: 0,
    number: 1,
    isBinary: false,
    isFailed: false,
    payload: Uint8Array.of(0x7b),
  });
  await pass();
  expect(await call).toBe('{');
});

test('handlers: one that throws breaks neither the others nor the client', async () => {
  const thrown: (() => void)[] = [];
  vi.stubGlobal('queueMicrotask', (run: () => void) => thrown.push(run));
  const { client, server, messages } = start({ latencyMs: 1 });
  await pass(10);
  client.on('message', () => {
    throw new Error('broken');
  });
  client.on('message', (data) => messages.push(data));
  server.send('a');
  await pass(10);
  expect(messages).toEqual(['a', 'a']);
  expect(client.state).toBe('open');
  expect(thrown).toHaveLength(1);
  expect(thrown[0]).toThrow('broken');
});

test('handlers: the returned function removes one', async () => {
  const { client, server } = start();
  const handler = vi.fn();
  const off = client.on('message', handler);
  await pass();
  server.send('a');
  await pass();
  off();
  server.send('b');
  await pass();
  expect(handler).toHaveBeenCalledTimes(1);
});

test('receipt: the client answers received, and handled after its handlers', async () => {
  const { client, server } = start();
  let finish = (): void => {};
  client.on('message', () => new Promise<void>((resolve) => (finish = resolve)));
  await pass();
  server.send('a', { receipt: 5 });
  await pass();
  expect(server.framesOf('received')).toEqual([
    { op: 'received', receipt: 5, state: 'received', value: '' },
  ]);
  finish();
  await pass();
  expect(server.framesOf('received')[1]).toMatchObject({ receipt: 5, state: 'handled' });
});

test('gap: is reported, and moves the position', async () => {
  const { events, server, messages } = start();
  await pass();
  server.sendFrame({ op: 'gap', source: 1, offset: 3, reason: 'too-old' });
  await pass();
  expect(events[1]).toEqual(['gap', { source: 1, offset: 3, reason: 'too-old' }]);
  for (const data of [1, 2, 3, 4]) server.send(data);
  await pass();
  expect(messages).toEqual([4]);
});

test('gap: offset 0 forgets the source', async () => {
  const { server } = start();
  await pass();
  server.send('a');
  server.sendFrame({ op: 'gap', source: 1, offset: 0, reason: 'source-ended' });
  await pass();
  server.drop();
  await pass(1000);
  expect(server.framesOf('hello')[1]?.resume?.positions.size).toBe(0);
});

test('close: ends the session with Bye, and every pending call fails', async () => {
  const { client, events, server } = start({ isAutomatic: false });
  await pass();
  server.welcome();
  await pass();
  const calls = [client.send(1), client.request('a', 1)];
  client.close();
  expect(client.state).toBe('closed');
  expect(await Promise.all(calls.map(outcomeOf))).toEqual(['closed', 'closed']);
  expect(server.framesOf('bye')).toHaveLength(1);
  expect(server.socket.closedWith).toBe(1000);
  expect(events.at(-1)).toEqual(['closed', { code: 1000, reason: '', status: undefined }]);
  expect(await outcomeOf(client.send(2))).toBe('closed');
  client.close();
  await pass(60_000);
  expect(server.sockets).toHaveLength(1);
  expect(events).toHaveLength(2);
});

test('close: in a message handler ends the client', async () => {
  const { client, server } = start();
  client.on('message', () => client.close());
  await pass();
  server.send('a');
  server.send('b');
  await pass(10);
  expect(client.state).toBe('closed');
});

test('close: while the client waits ends the wait', async () => {
  const { client, server } = start();
  await pass();
  server.drop();
  expect(client.state).toBe('waiting');
  client.close();
  await pass(60_000);
  expect(server.sockets).toHaveLength(1);
});

test('close: before the connection is open ends the attempt', async () => {
  const { client, events, server } = start();
  client.close();
  await pass(60_000);
  expect(server.sockets).toHaveLength(0);
  expect(events).toEqual([['closed', { code: 1000, reason: '', status: undefined }]]);
});

test('refused: the client ends with the status and reason of the application', async () => {
  const server = fakeServer();
  server.refuse(401, 'bad token');
  const client = connect('ws://fake', { WebSocket: server.WebSocket });
  const closed = vi.fn();
  client.on('closed', closed);
  const call = client.send(1);
  await pass(60_000);
  expect(closed).toHaveBeenCalledWith({ code: 4501, reason: 'bad token', status: 401 });
  expect(await outcomeOf(call)).toBe('closed');
  expect(server.sockets).toHaveLength(1);
});
