import { expect, test, vi } from 'vitest';
import { pass, start, useVirtualTime } from './client.fixture.ts';
import { connect } from './connect.ts';
import { createRetrySchedule } from './retry-schedule.ts';

useVirtualTime();

test('retry: the first attempt is within the spread of the welcome', async () => {
  const { client, events, server } = start({ spreadMs: 4000 });
  await pass();
  server.drop(1001, 'the server stops');
  expect(events[1]).toEqual(['down', { code: 1001, reason: 'the server stops', retryInMs: 2000 }]);
  expect(client.state).toBe('waiting');
  await pass(1999);
  expect(server.sockets).toHaveLength(1);
  await pass(1);
  expect(server.sockets).toHaveLength(2);
});

test('retry: waits double from minMs to maxMs, with full jitter', () => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  const schedule = createRetrySchedule(300, 20_000);
  const waits = Array.from({ length: 9 }, () => schedule(1006, '', 0, -1, true));
  expect(waits).toEqual([300, 600, 1200, 2400, 4800, 9600, 19_200, 20_000, 20_000]);
  vi.spyOn(Math, 'random').mockReturnValue(0);
  expect(schedule(1006, '', 0, -1, true)).toBe(0);
});

test('retry: a connection of 5 s resets the waits, a shorter one does not', () => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  const schedule = createRetrySchedule(300, 20_000);
  for (let count = 0; count < 3; count += 1) schedule(1006, '', 0, -1, true);
  expect(schedule(1006, '', 50, 4999, true)).toBe(2400);
  expect(schedule(1006, '', 50, 5000, true)).toBe(50);
  expect(schedule(1006, '', 50, -1, true)).toBe(600);
});

test('retry: 1012 with a range in its reason is waited for', async () => {
  const { events, server } = start();
  await pass();
  server.drop(1012, 'retry in 1-5 s');
  expect(events[1]?.[1]).toMatchObject({ retryInMs: 3000 });
});

test('retry: a wait that a gateway asks for has a bound', () => {
  const schedule = createRetrySchedule(300, 20_000);
  const wait = schedule(1012, 'retry in 99999999-99999999 s', 0, 0, true);
  expect(wait).toBe(600_000);
});

test('retry: without a network the client waits longest, but tries', async () => {
  vi.stubGlobal('navigator', { onLine: false });
  const { events, server } = start();
  await pass();
  server.drop();
  expect(events[1]?.[1]).toMatchObject({ retryInMs: 20_000 });
  await pass(20_000);
  expect(server.sockets).toHaveLength(2);
});

test('attempt: fails after connectTimeoutMs without a welcome', async () => {
  const { client, events, server } = start({ isAutomatic: false }, { connectTimeoutMs: 5000 });
  await pass(4999);
  expect(events).toEqual([]);
  await pass(1);
  expect(events).toEqual([['down', { code: 4408, reason: 'silence', retryInMs: 150 }]]);
  expect(server.sockets[0]?.closedWith).toBe(4408);
  expect(client.state).toBe('waiting');
});

test('attempt: a token that never comes fails it', async () => {
  const { events } = start({}, { token: () => new Promise(() => {}) });
  await pass(10_000);
  expect(events).toEqual([['down', { code: 4408, reason: 'silence', retryInMs: 150 }]]);
});

test('attempt: a token that fails is asked for again', async () => {
  const token = vi.fn(async () => 'good');
  token.mockRejectedValueOnce(new Error('no network'));
  const { client, events } = start({}, { token });
  await pass(1000);
  expect(events[0]).toEqual(['down', { code: 1006, reason: 'Error: no network', retryInMs: 150 }]);
  expect(client.state).toBe('open');
});

test('attempt: a websocket that cannot be created is tried again', async () => {
  const construct = vi.fn(function construct() {
    throw new SyntaxError('wrong URL');
  });
  const client = connect('ws://fake', { WebSocket: construct as never });
  const down = vi.fn();
  client.on('down', down);
  await pass(1000);
  expect(down.mock.calls[0]?.[0]).toMatchObject({ code: 1006, reason: 'SyntaxError: wrong URL' });
  expect(down.mock.calls.length).toBeGreaterThan(1);
});

test('attempt: down names the error of the websocket', async () => {
  const { events, server } = start();
  await pass();
  const fail = server.socket.onerror;
  if (fail !== null) Reflect.apply(fail, undefined, [{ message: 'ECONNRESET' }]);
  server.drop();
  expect(events[1]?.[1]).toMatchObject({ code: 1006, reason: 'ECONNRESET' });
});

test('silence: the client leaves the connection after the interval and 8 s', async () => {
  const { events, server } = start({ pingMs: 25_000 });
  server.answersProbes = false;
  await pass();
  await pass(32_999);
  expect(events).toHaveLength(1);
  expect(server.framesOf('pong')).toHaveLength(1);
  await pass(1);
  expect(events[1]).toEqual(['down', { code: 4408, reason: 'silence', retryInMs: 0 }]);
  expect(server.sockets[0]?.closedWith).toBe(4408);
});

test('silence: a gateway that answers the probe is kept', async () => {
  const { client, server } = start({ pingMs: 25_000 });
  await pass(3_600_000);
  expect(client.state).toBe('open');
  expect(server.sockets).toHaveLength(1);
});

test('silence: every frame counts, and Ping is answered at once', async () => {
  const { client, server } = start({ pingMs: 25_000 });
  server.answersProbes = false;
  await pass();
  for (let count = 0; count < 5; count += 1) {
    await pass(29_000);
    server.sendFrame({ op: 'ping', positions: new Map() });
    await pass();
  }
  expect(client.state).toBe('open');
  expect(server.framesOf('pong')).toHaveLength(5);
});

test('silence: a page that was frozen asks before it leaves the connection', async () => {
  const { client, server } = start({ pingMs: 25_000 });
  await pass();
  // The clock moved on, and no timer expired.
  const now = performance.now();
  const clock = vi.spyOn(performance, 'now').mockReturnValue(now + 300_000);
  await pass(30_000);
  expect(client.state).toBe('open');
  expect(server.framesOf('pong')).toHaveLength(2);
  clock.mockReturnValue(now + 303_000);
  await pass(3000);
  expect(client.state).toBe('open');
});

test('silence: a wall clock that is set changes nothing', async () => {
  const { client, server } = start({ pingMs: 25_000 });
  await pass(1000);
  vi.setSystemTime(Date.now() + 86_400_000);
  await pass(1000);
  vi.setSystemTime(Date.now() - 2 * 86_400_000);
  await pass(1000);
  expect(client.state).toBe('open');
  expect(server.framesOf('pong')).toEqual([]);
});

test('silence: a gateway that sends no Ping may be silent', async () => {
  const { client } = start({ pingMs: 0 });
  await pass(3_600_000);
  expect(client.state).toBe('open');
});

test('late frames of a connection that was left are ignored', async () => {
  const { messages, server } = start({ latencyMs: 10, pingMs: 1000 });
  await pass(100);
  const old = server.socket;
  const receive = old.onmessage;
  server.drop();
  await pass(1000);
  server.send('a');
  await pass(100);
  const frame = Uint8Array.of(0x83, 0, 0, 0, 0, 1, 5, 0x31).buffer;
  if (receive !== null) Reflect.apply(receive, undefined, [{ data: frame }]);
  expect(messages).toEqual(['a']);
});
