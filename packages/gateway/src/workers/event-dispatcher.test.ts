import { Command, packValue, readMessage } from '@gatewayworker/protocol';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LimitCounters } from '../clients/limit-counters.ts';
import {
  Client,
  closure,
  create,
  holdTurn,
  send,
  Worker,
  withTwo,
} from './event-dispatcher.fixture.ts';

test('dispatcher: attaches a client once, before its events, and keeps their order', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  send(dispatcher, client, 'a');
  dispatcher.dispatchMessage(client, Buffer.from('b'), 0, 1, true);
  dispatcher.dispatchClosed(client, closure);
  expect(worker.take()).toEqual([
    '1 attached',
    '1 connected',
    '1 text a',
    '1 binary b',
    '1 closed by client',
  ]);
});

test('dispatcher: resets the change counters of a client for each worker', () => {
  const dispatcher = create();
  const [first, second] = [new Worker(0), new Worker(1)];
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  client.appliedChanges = 5;
  client.appliedUidChanges = 6;
  dispatcher.addWorker(second.link);
  dispatcher.removeWorker(first.link);
  send(dispatcher, client, 'x');
  expect(client.worker).toBe(second.link);
  expect([client.appliedChanges, client.appliedUidChanges]).toEqual([0, 0]);
});

test('dispatcher: ClientAttached has the id, handshake, uid and session', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const request = { url: '/', headers: { host: 'x' } };
  const client = new Client(1, request);
  client.uid = 'u';
  client.session.replace({ a: 1 });
  dispatcher.dispatchConnected(client);
  worker.link.connection.output.flush();
  const [sent] = worker.socket.written;
  const bytes = sent ?? Buffer.alloc(4);
  const end = 4 + bytes.readUInt32BE(0);
  expect(readMessage(Command.ClientAttached, bytes, 5, end)).toEqual({
    type: 'clientAttached',
    connection: 1,
    nonceHigh: 7,
    nonceLow: 8,
    remoteAddress: '10.0.0.9',
    remotePort: 5555,
    gatewayPort: 8282,
    request: packValue(request),
    uid: 'u',
    session: packValue({ a: 1 }),
  });
});

test('dispatcher: spreads clients over workers and pins each to its worker', () => {
  const dispatcher = create();
  const workers = [new Worker(0), new Worker(1)];
  for (const { link } of workers) dispatcher.addWorker(link);
  const clients = Array.from({ length: 10 }, (_, i) => new Client(i));
  for (let round = 0; round < 3; round++) {
    for (const client of clients) send(dispatcher, client, `${round}`);
  }
  for (const worker of workers) {
    expect(worker.link.clients.size).toBe(5);
    expect(worker.take()).toHaveLength(5 + 15);
  }
});

test('dispatcher: holds events without a worker, and delivers them in order', () => {
  const dispatcher = create();
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  const payload = Buffer.from('a');
  dispatcher.dispatchMessage(client, payload, 0, payload.length, false);
  payload.fill('!');
  send(dispatcher, client, 'b');
  expect(dispatcher.eventsInFlight).toBe(3);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  send(dispatcher, client, 'c');
  expect(worker.take()).toEqual(['1 attached', '1 connected', '1 text a', '1 text b', '1 text c']);
  expect(dispatcher.eventsInFlight).toBe(4);
  expect(worker.link.eventsInFlight).toBe(4);
});

test('dispatcher: delivers onConnect and onClose that were held without a worker', () => {
  const dispatcher = create();
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  dispatcher.dispatchClosed(client, closure);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  expect(worker.take()).toEqual(['1 attached', '1 connected', '1 closed by client']);
  expect(worker.link.clients.size).toBe(0);
});

test('dispatcher: counts events in flight until they are acknowledged', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  for (const text of ['a', 'b', 'c']) send(dispatcher, client, text);
  expect([dispatcher.eventsInFlight, client.eventsInFlight]).toEqual([3, 3]);
  dispatcher.handleAck(worker.link, client, { count: 2, byteLength: 0 });
  expect([dispatcher.eventsInFlight, client.eventsInFlight]).toEqual([1, 1]);
  dispatcher.handleAck(worker.link, undefined, { count: 1, byteLength: 0 });
  expect(dispatcher.eventsInFlight).toBe(0);
});

test('dispatcher: refuses an ack for more events than are in flight', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [one, other] = [new Client(1), new Client(2)];
  send(dispatcher, one, 'a');
  for (const text of ['b', 'c']) send(dispatcher, other, text);
  const ack = (client: Client | undefined, count: number): void => {
    dispatcher.handleAck(worker.link, client, { count, byteLength: 0 });
  };
  const malformed = expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' });
  expect(() => ack(one, 2)).toThrow(malformed);
  expect(() => ack(undefined, 4)).toThrow(malformed);
  expect([dispatcher.eventsInFlight, one.eventsInFlight]).toEqual([3, 1]);
  ack(one, 1);
  expect([dispatcher.eventsInFlight, one.eventsInFlight]).toEqual([2, 0]);
});

test('dispatcher: pauses a client past its events in flight, until half are acked', () => {
  const dispatcher = create({ maxEventsInFlight: 4 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [busy, other] = [new Client(1), new Client(2)];
  for (const text of ['a', 'b', 'c']) send(dispatcher, busy, text);
  send(dispatcher, other, 'x');
  expect(busy.pauses).toEqual([]);
  send(dispatcher, busy, 'd');
  send(dispatcher, busy, 'e');
  expect(busy.pauses).toEqual([true]);
  dispatcher.handleAck(worker.link, busy, { count: 2, byteLength: 0 });
  expect(busy.pauses).toEqual([true]);
  dispatcher.handleAck(worker.link, busy, { count: 1, byteLength: 0 });
  expect(busy.pauses).toEqual([true, false]);
  expect(other.pauses).toEqual([]);
});

test('dispatcher: pauses a client past its bytes in flight, until half are acked', () => {
  const limits = new LimitCounters();
  const dispatcher = create({ maxEventBytesInFlight: 2000 }, limits);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [busy, other] = [new Client(1), new Client(2)];
  const kilobyte = 'x'.repeat(1000);
  send(dispatcher, busy, kilobyte);
  expect(busy.pauses).toEqual([]);
  send(dispatcher, busy, kilobyte);
  send(dispatcher, other, 'x');
  expect([busy.pauses, other.pauses]).toEqual([[true], []]);
  expect([limits.eventsInFlight, limits.eventBytesInFlight]).toEqual([0, 1]);
  dispatcher.handleAck(worker.link, busy, { count: 1, byteLength: 999 });
  expect(busy.pauses).toEqual([true]);
  dispatcher.handleAck(worker.link, busy, { count: 1, byteLength: 1001 });
  expect(busy.pauses).toEqual([true, false]);
  expect(busy.eventBytesInFlight).toBe(0);
});

test('dispatcher: accepts one message that exceeds maxEventBytesInFlight', () => {
  const dispatcher = create({ maxEventBytesInFlight: 10 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  send(dispatcher, client, 'x'.repeat(1000));
  expect([client.eventsInFlight, client.pauses]).toEqual([1, [true]]);
  dispatcher.handleAck(worker.link, client, { count: 1, byteLength: 1000 });
  expect(client.pauses).toEqual([true, false]);
});

test('dispatcher: holds events for a worker past its bytes in flight', () => {
  const limits = new LimitCounters();
  const dispatcher = create({ maxEventBytesInFlightPerWorker: 2000 }, limits);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [one, two, three] = [new Client(1), new Client(2), new Client(3)];
  const [four, five] = [new Client(4), new Client(5)];
  for (const client of [one, two, three, four, five]) send(dispatcher, client, 'x'.repeat(1500));
  expect(worker.take().filter((line) => line.includes('text'))).toHaveLength(2);
  expect(worker.link.eventBytesInFlight).toBe(3000);
  expect([one.pauses, two.pauses, three.pauses]).toEqual([[], [true], [true]]);
  expect([limits.eventBytesInFlight, dispatcher.heldEvents]).toEqual([4, 3]);
  // More than half is still in flight.
  dispatcher.handleAck(worker.link, one, { count: 1, byteLength: 1500 });
  expect(dispatcher.heldEvents).toBe(3);
  dispatcher.handleAck(worker.link, two, { count: 1, byteLength: 1500 });
  expect(worker.take()).toEqual([
    expect.stringContaining('3 text'),
    expect.stringContaining('4 text'),
  ]);
  expect([two.pauses, four.pauses, five.pauses]).toEqual([[true, false], [true, false], [true]]);
});

test('dispatcher: keeps the order of events up to onClose while the worker is full', () => {
  const dispatcher = create({ maxEventBytesInFlightPerWorker: 10 });
  const [worker, next] = [new Worker(0), new Worker(1)];
  worker.link.redelivers = true;
  dispatcher.addWorker(worker.link);
  const [one, two] = [new Client(1), new Client(2)];
  send(dispatcher, one, 'x'.repeat(10));
  for (const text of ['a', 'b']) send(dispatcher, two, text);
  dispatcher.dispatchClosed(two, closure);
  expect(worker.take().filter((line) => line.startsWith('2'))).toEqual(['2 attached']);
  dispatcher.handleAck(worker.link, one, { count: 1, byteLength: 10 });
  expect(worker.take()).toEqual(['2 text a', '2 text b', '2 closed by client']);

  send(dispatcher, one, 'x'.repeat(10));
  const three = new Client(3);
  send(dispatcher, three, 'held');
  dispatcher.dispatchClosed(three, closure);
  dispatcher.removeWorker(worker.link);
  expect(dispatcher.heldEvents).toBe(3 + 1 + 2);
  dispatcher.addWorker(next.link);
  expect(next.take().at(-1)).toBe('3 attached');
  dispatcher.handleAck(next.link, one, { count: 1, byteLength: 10 });
  expect(next.take()).toEqual([
    ...['2 text a again', '2 text b again', '2 closed by client again'],
    ...['3 text held', '3 closed by client'],
  ]);
});

test('dispatcher: refuses an ack for more bytes than are in flight', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [client, other] = [new Client(1), new Client(2)];
  for (const text of ['ab', 'c']) send(dispatcher, client, text);
  send(dispatcher, other, 'x'.repeat(100));
  const malformed = expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' });
  const ack = (byteLength: number): void =>
    dispatcher.handleAck(worker.link, client, { count: 1, byteLength });
  expect(() => ack(4)).toThrow(malformed);
  ack(0);
  // These acks have too few bytes: the last event frees all bytes of the client.
  ack(1);
  expect([client.eventBytesInFlight, worker.link.eventBytesInFlight]).toEqual([0, 100]);
});

test('dispatcher: redelivered events keep their bytes in flight', () => {
  const dispatcher = create({ maxEventBytesInFlight: 2000 });
  const [first, second] = [new Worker(0), new Worker(1)];
  first.link.redelivers = true;
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  for (let count = 0; count < 3; count += 1) send(dispatcher, client, 'x'.repeat(1000));
  expect(client.pauses).toEqual([true]);
  dispatcher.removeWorker(first.link);
  expect([client.eventBytesInFlight, client.pauses]).toEqual([3000, [true]]);
  dispatcher.addWorker(second.link);
  expect([client.eventBytesInFlight, second.link.eventBytesInFlight]).toEqual([3000, 3000]);
  dispatcher.handleAck(second.link, client, { count: 2, byteLength: 2000 });
  expect(client.pauses).toEqual([true, false]);
});

test('dispatcher: a dead worker without redelivery frees the bytes of its clients', () => {
  const dispatcher = create({ maxEventBytesInFlight: 2000 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  for (let count = 0; count < 2; count += 1) send(dispatcher, client, 'x'.repeat(1000));
  dispatcher.removeWorker(worker.link);
  expect([client.eventBytesInFlight, client.pauses]).toEqual([0, [true, false]]);
});

test('dispatcher: pauses senders of a worker past its events, until half are acked', () => {
  const limits = new LimitCounters();
  const dispatcher = create({ maxEventsInFlightPerWorker: 4 }, limits);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [one, two, three] = [new Client(1), new Client(2), new Client(3)];
  for (const client of [one, two, one, two, three]) send(dispatcher, client, 'x');
  expect([one.pauses, two.pauses, three.pauses]).toEqual([[], [true], [true]]);
  expect(limits.eventsInFlight).toBe(2);
  dispatcher.handleAck(worker.link, one, { count: 1, byteLength: 0 });
  expect([two.pauses, three.pauses]).toEqual([[true], [true]]);
  dispatcher.handleAck(worker.link, two, { count: 1, byteLength: 0 });
  expect(two.pauses.concat(three.pauses)).toEqual([true, false, true, false]);
  for (let count = 0; count < 3; count += 1) send(dispatcher, one, 'x');
  dispatcher.removeWorker(worker.link);
  expect(one.pauses).toEqual([true, false]);
});

test('dispatcher: suppressEvents stops all events of a client, held ones too', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  worker.take();
  dispatcher.suppressEvents(client);
  dispatcher.handleAck(worker.link, client, { count: 1, byteLength: 0 });
  dispatcher.dispatchClosed(client, closure);
  expect(worker.take()).toEqual(['1 detached']);
  dispatcher.removeWorker(worker.link);
  const held = new Client(2);
  send(dispatcher, held, 'x');
  dispatcher.suppressEvents(held);
  dispatcher.dispatchClosed(held, closure);
  const next = new Worker(1);
  dispatcher.addWorker(next.link);
  expect(next.take()).toEqual([]);
  expect(dispatcher.eventsInFlight).toBe(0);
});

test('dispatcher: pauses clients past maxHeldBytes until a worker is added', () => {
  const dispatcher = create({ maxHeldBytes: 1000 });
  const [small, large] = [new Client(1), new Client(2)];
  send(dispatcher, small, 'x');
  send(dispatcher, large, 'x'.repeat(1000));
  expect([small.pauses, large.pauses]).toEqual([[], [true]]);
  send(dispatcher, small, 'y');
  expect(small.pauses).toEqual([true]);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  expect([small.pauses, large.pauses]).toEqual([
    [true, false],
    [true, false],
  ]);
  expect(worker.take()).toHaveLength(5);
});

test('dispatcher: empty held events count towards maxHeldBytes', () => {
  const dispatcher = create({ maxHeldBytes: 1000, maxEventsInFlight: 1000 });
  const client = new Client(1);
  for (let i = 0; i < 100; i++) send(dispatcher, client, '');
  expect(client.pauses).toEqual([true]);
});

test('dispatcher: pauses a client while the link of its worker is full', async () => {
  const dispatcher = create({ sendToWorkerBufferSize: 1024 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [first, second] = [new Client(1), new Client(2)];
  worker.socket.isFull = true;
  send(dispatcher, first, 'x'.repeat(800));
  send(dispatcher, second, 'x'.repeat(800));
  expect([first.pauses, second.pauses]).toEqual([[], [true]]);
  await worker.socket.accept();
  expect([first.pauses, second.pauses]).toEqual([[], [true, false]]);
});

test('dispatcher: resumes a client whose bytes the kernel takes at once', async () => {
  const dispatcher = create({ sendToWorkerBufferSize: 1024 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  for (let i = 0; i < 10; i++) send(dispatcher, client, 'x'.repeat(800));
  worker.link.connection.output.flush();
  await worker.socket.accept();
  expect(client.pauses.at(-1) ?? false).toBe(false);
  expect(worker.take()).toHaveLength(11);
});

test('dispatcher: a client stays paused while one of several reasons is active', async () => {
  const dispatcher = create({ sendToWorkerBufferSize: 1024, maxEventsInFlight: 2 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  worker.socket.isFull = true;
  send(dispatcher, client, 'x'.repeat(2000));
  send(dispatcher, client, 'y');
  await worker.socket.accept();
  expect(client.pauses).toEqual([true]);
  dispatcher.handleAck(worker.link, client, { count: 2, byteLength: 0 });
  expect(client.pauses).toEqual([true, false]);
});

test('dispatcher: clients of a dead worker move without a second onConnect', () => {
  const limits = new LimitCounters();
  const dispatcher = create({ maxEventsInFlight: 2 }, limits);
  const [first, second] = [new Worker(0), new Worker(1)];
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  send(dispatcher, client, 'lost');
  expect(client.pauses).toEqual([true]);
  dispatcher.addWorker(second.link);
  dispatcher.removeWorker(first.link);
  expect(client.pauses).toEqual([true, false]);
  expect(limits.lostEvents).toBe(2);
  send(dispatcher, client, 'next');
  expect(second.take()).toEqual(['1 attached', '1 text next']);
  expect(dispatcher.eventsInFlight).toBe(1);
  // A late ack of the dead worker has no effect.
  dispatcher.handleAck(first.link, client, { count: 2, byteLength: 0 });
  expect(client.eventsInFlight).toBe(1);
});

test('dispatcher: holds events of clients after the last worker died', () => {
  const limits = new LimitCounters();
  const dispatcher = create({}, limits);
  const [first, second] = [new Worker(0), new Worker(1)];
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  dispatcher.removeWorker(first.link);
  send(dispatcher, client, 'held');
  expect(dispatcher.eventsInFlight).toBe(1);
  dispatcher.addWorker(second.link);
  expect(second.take()).toEqual(['1 attached', '1 text held']);
  expect(limits.lostEvents).toBe(0);
});

test('dispatcher: holds events while a link is suspended, and delivers them on resume', () => {
  const { dispatcher, first, client } = withTwo();
  send(dispatcher, client, 'before');
  first.take();
  dispatcher.suspendWorker(first.link);
  send(dispatcher, client, 'one');
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  send(dispatcher, client, 'two');
  dispatcher.dispatchClosed(client, closure);
  expect(first.take()).toEqual([]);
  expect(dispatcher.eventsInFlight).toBe(3);
  dispatcher.resumeWorker(first.link);
  expect(first.take()).toEqual(['1 text one', '1 text two', '1 closed by client']);
  expect([first.link.eventsInFlight, first.link.closedClients.size]).toEqual([3, 0]);
});

test('dispatcher: events held for a suspended worker move when it dies', () => {
  const limits = new LimitCounters();
  const { dispatcher, first, second, client } = withTwo({}, limits);
  dispatcher.suspendWorker(first.link);
  send(dispatcher, client, 'one');
  dispatcher.dispatchClosed(client, closure);
  dispatcher.removeWorker(first.link);
  expect(second.take()).toEqual(['1 attached', '1 text one', '1 closed by client']);
  expect([limits.lostEvents, dispatcher.eventsInFlight]).toEqual([0, 2]);
});

test('dispatcher: moves a client whose worker drains while its link is suspended', () => {
  const { dispatcher, first, second, client } = withTwo();
  send(dispatcher, client, 'before');
  dispatcher.drainWorker(first.link);
  dispatcher.suspendWorker(first.link);
  send(dispatcher, client, 'one');
  expect(second.take()).toEqual([]);
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  dispatcher.resumeWorker(first.link);
  expect(second.take()).toEqual(['1 attached', '1 text one']);
});

test('dispatcher: binds clients to a suspended worker only if all are', () => {
  const { dispatcher, first, second } = withTwo();
  dispatcher.suspendWorker(first.link);
  for (let i = 10; i < 14; i++) send(dispatcher, new Client(i), 'x');
  expect([first.link.clients.size, second.link.clients.size]).toEqual([1, 4]);
  dispatcher.suspendWorker(second.link);
  send(dispatcher, new Client(14), 'x');
  dispatcher.resumeWorker(first.link);
  for (let i = 20; i < 24; i++) send(dispatcher, new Client(i), 'x');
  expect(first.link.clients.size + second.link.clients.size).toBe(10);
  expect(first.link.clients.size).toBeGreaterThanOrEqual(5);
});

test('dispatcher: a dead worker resumes clients that waited for room on its link', () => {
  const dispatcher = create({ sendToWorkerBufferSize: 1024 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  worker.socket.isFull = true;
  send(dispatcher, client, 'x'.repeat(2000));
  dispatcher.removeWorker(worker.link);
  expect(client.pauses).toEqual([true, false]);
});

test('dispatcher: adding a worker twice has no effect', () => {
  const dispatcher = create();
  const [first, second] = [new Worker(0), new Worker(1)];
  for (const { link } of [first, first, second]) dispatcher.addWorker(link);
  for (let i = 0; i < 10; i++) send(dispatcher, new Client(i), 'x');
  expect([first.link.clients.size, second.link.clients.size]).toEqual([5, 5]);
  expect(dispatcher.eventsInFlight).toBe(10);
});

test('dispatcher: binds unbound clients over several turns, one with an event at once', () => {
  const endTurn = holdTurn();
  const dispatcher = create({ maxHeldBytes: 10_000_000 });
  const clients = Array.from({ length: 1000 }, (_, i) => new Client(i));
  for (const client of clients) dispatcher.dispatchConnected(client);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const boundAtOnce = worker.link.clients.size;
  expect(boundAtOnce).toBeGreaterThan(0);
  expect(boundAtOnce).toBeLessThan(500);
  const last = clients[999] ?? new Client(0);
  send(dispatcher, last, 'now');
  expect(worker.take().slice(-3)).toEqual(['999 attached', '999 connected', '999 text now']);
  for (let turn = 0; turn < 10; turn++) endTurn();
  expect(worker.link.clients.size).toBe(1000);
  expect(dispatcher.eventsInFlight).toBe(1001);
});

test('dispatcher: binds no clients after close', () => {
  const endTurn = holdTurn();
  const dispatcher = create({ maxHeldBytes: 10_000_000 });
  for (let i = 0; i < 1000; i++) dispatcher.dispatchConnected(new Client(i));
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const bound = worker.link.clients.size;
  dispatcher.close();
  endTurn();
  expect(worker.link.clients.size).toBe(bound);
});

/** A worker whose unacknowledged events are redelivered. */
class RedeliveringWorker extends Worker {
  constructor(id: number) {
    super(id);
    this.link.redelivers = true;
  }
}

test('redelivery: unacknowledged events come in order, before newer ones', () => {
  const limits = new LimitCounters();
  const dispatcher = create({}, limits);
  const [first, second] = [new RedeliveringWorker(0), new RedeliveringWorker(1)];
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  for (const text of ['a', 'b', 'c']) send(dispatcher, client, text);
  dispatcher.handleAck(first.link, client, { count: 2, byteLength: 0 });
  dispatcher.removeWorker(first.link);
  send(dispatcher, client, 'd');
  dispatcher.addWorker(second.link);
  expect(second.take()).toEqual(['1 attached', '1 text b again', '1 text c again', '1 text d']);
  expect(limits.lostEvents).toBe(0);
  expect(client.eventsInFlight).toBe(3);
  dispatcher.handleAck(second.link, client, { count: 3, byteLength: 0 });
  expect(dispatcher.eventsInFlight).toBe(0);
  expect(client.unacknowledged).toBeUndefined();
});

test('redelivery: includes onClose', () => {
  const dispatcher = create();
  const [first, second] = [new RedeliveringWorker(0), new RedeliveringWorker(1)];
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  dispatcher.dispatchClosed(client, closure);
  dispatcher.removeWorker(first.link);
  dispatcher.addWorker(second.link);
  expect(second.take()).toEqual(['1 attached', '1 connected again', '1 closed by client again']);
  dispatcher.handleAck(second.link, client, { count: 2, byteLength: 0 });
  expect(second.link.closedClients.size).toBe(0);
  expect(dispatcher.eventsInFlight).toBe(0);
});

test('redelivery: drops an event after three attempts', () => {
  const limits = new LimitCounters();
  const dispatcher = create({}, limits);
  const client = new Client(1);
  const workers = Array.from({ length: 4 }, (_, id) => new RedeliveringWorker(id));
  dispatcher.dispatchConnected(client);
  for (const worker of workers.slice(0, 3)) {
    dispatcher.addWorker(worker.link);
    if (worker === workers[0]) {
      dispatcher.handleAck(worker.link, client, { count: 1, byteLength: 0 });
      send(dispatcher, client, 'poison');
    }
    expect(worker.take().at(-1)).toMatch(/poison/);
    dispatcher.removeWorker(worker.link);
  }
  send(dispatcher, client, 'next');
  const last = workers[3] ?? new RedeliveringWorker(3);
  dispatcher.addWorker(last.link);
  expect(last.take()).toEqual(['1 attached', '1 text next']);
  expect(limits.lostEvents).toBe(1);
});

/** Fakes timers and the clock. */
function useFakeClock(): void {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

test('held events: expire clients after maxHeldMs without a worker', () => {
  useFakeClock();
  const limits = new LimitCounters();
  const dispatcher = create({ maxHeldMs: 1000 }, limits);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [known, closed, idle, unknown] = [1, 2, 3, 4].map((id) => new Client(id)) as [
    Client,
    Client,
    Client,
    Client,
  ];
  for (const client of [known, closed, idle]) {
    dispatcher.dispatchConnected(client);
    dispatcher.handleAck(worker.link, client, { count: 1, byteLength: 0 });
  }
  dispatcher.removeWorker(worker.link);
  for (const client of [known, closed]) send(dispatcher, client, 'x');
  closed.isClosing = true;
  dispatcher.dispatchClosed(closed, closure);
  dispatcher.dispatchConnected(unknown);
  vi.advanceTimersByTime(900);
  expect([known.isClosing, unknown.isClosing]).toEqual([false, false]);
  vi.advanceTimersByTime(300);
  expect([known.isClosing, unknown.isClosing, idle.isClosing]).toEqual([true, true, false]);
  expect([limits.heldTime, limits.lostEvents]).toEqual([2, 3]);
  for (const client of [known, unknown]) dispatcher.dispatchClosed(client, closure);
  expect(dispatcher.eventsInFlight).toBe(2);
  vi.advanceTimersByTime(10_000);
  expect([limits.heldTime, limits.lostEvents]).toEqual([2, 3]);
  expect(vi.getTimerCount()).toBe(0);
  const next = new Worker(1);
  dispatcher.addWorker(next.link);
  expect(next.take().toSorted()).toEqual([
    '1 attached',
    '1 closed by client',
    '2 attached',
    '2 closed by client',
    '3 attached',
  ]);
});

test('held events: expire no client while there is a worker', () => {
  useFakeClock();
  const dispatcher = create({ maxHeldMs: 1000 });
  const { dispatcher: other, first, client } = withTwo({ maxHeldMs: 1000 });
  send(other, client, 'a');
  other.drainWorker(first.link);
  send(other, client, 'b');
  const [early, late] = [new Client(2), new Client(3)];
  send(dispatcher, early, 'x');
  dispatcher.addWorker(new Worker(0).link);
  vi.advanceTimersByTime(5000);
  send(dispatcher, late, 'x');
  expect([client.isClosing, early.isClosing, late.isClosing]).toEqual([false, false, false]);
});
