import { expect, test } from 'vitest';
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

test('drain: moves idle clients at once, then sends WorkerDrained', () => {
  const { dispatcher, first, second, client } = withTwo();
  dispatcher.drainWorker(first.link);
  dispatcher.drainWorker(first.link);
  send(dispatcher, client, 'a');
  expect(first.take()).toEqual(['1 detached', 'drained']);
  expect(second.take()).toEqual(['1 attached', '1 text a']);
  expect(first.link.clients.size).toBe(0);
  dispatcher.addWorker(first.link);
  dispatcher.dispatchConnected(new Client(2), first.link);
  expect(first.take()).toEqual([]);
});

test('drain: a worker without clients is drained at once', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.drainWorker(worker.link);
  expect(worker.take()).toEqual(['drained']);
});

test('drain: moves a busy client after its last ack, with its held events', () => {
  const { dispatcher, first, second, client } = withTwo();
  for (const text of ['a', 'b']) send(dispatcher, client, text);
  dispatcher.drainWorker(first.link);
  for (const text of ['c', 'd']) send(dispatcher, client, text);
  expect([first.take(), second.take()]).toEqual([['1 text a', '1 text b'], []]);
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  send(dispatcher, client, 'e');
  expect([first.take(), second.take()]).toEqual([[], []]);
  expect(dispatcher.eventsInFlight).toBe(4);
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  expect(first.take()).toEqual(['1 detached', 'drained']);
  expect(second.take()).toEqual(['1 attached', '1 text c', '1 text d', '1 text e']);
  dispatcher.handleAck(second.link, client, { count: 3, byteLength: 0 });
  expect([dispatcher.eventsInFlight, client.eventsInFlight]).toEqual([0, 0]);
});

test('drain: a held onClose goes to the next worker after the last ack', () => {
  const { dispatcher, first, second, client } = withTwo();
  send(dispatcher, client, 'a');
  dispatcher.drainWorker(first.link);
  dispatcher.dispatchClosed(client, closure);
  expect(first.take()).toEqual(['1 text a']);
  const found = first.link.closedClients.get(1);
  dispatcher.handleAck(first.link, found, { count: 1, byteLength: 0 });
  expect(first.take()).toEqual(['1 detached', 'drained']);
  expect(second.take()).toEqual(['1 attached', '1 closed by client']);
  dispatcher.handleAck(second.link, undefined, { count: 1, byteLength: 0 });
  expect([second.link.clients.size, dispatcher.eventsInFlight]).toEqual([0, 0]);
});

test('drain: waits for the ack of an onClose sent before', () => {
  const { dispatcher, first, second, client } = withTwo();
  dispatcher.dispatchClosed(client, closure);
  dispatcher.drainWorker(first.link);
  expect(first.take()).toEqual(['1 closed by client']);
  dispatcher.handleAck(first.link, undefined, { count: 1, byteLength: 0 });
  expect(first.take()).toEqual(['drained']);
  expect(second.take()).toEqual([]);
});

test('drain: waits for pending handshake requests', async () => {
  const { dispatcher, first } = withTwo();
  const { requestId, answer } = first.link.handshakes.add(1000);
  dispatcher.drainWorker(first.link);
  expect(first.take()).toEqual(['1 detached']);
  first.link.handshakes.resolve(requestId, 'yes');
  expect(await answer).toBe('yes');
  dispatcher.handleDecided(first.link);
  expect(first.take()).toEqual(['drained']);
});

test('drain: holds events while there is no other worker', () => {
  const dispatcher = create();
  const [first, second, client, idle] = [
    new Worker(0),
    new Worker(1),
    new Client(1),
    new Client(2),
  ];
  dispatcher.addWorker(first.link);
  for (const one of [client, idle]) send(dispatcher, one, 'a');
  dispatcher.handleAck(first.link, idle, { count: 1, byteLength: 0 });
  dispatcher.drainWorker(first.link);
  for (const one of [client, idle]) send(dispatcher, one, 'b');
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  expect(first.take().slice(-3)).toEqual(['2 detached', '1 detached', 'drained']);
  expect([dispatcher.eventsInFlight, dispatcher.eventsWithWorkers]).toEqual([2, 0]);
  dispatcher.addWorker(second.link);
  expect(second.take()).toEqual(['2 attached', '2 text b', '1 attached', '1 text b']);
});

test.each([false, true])(
  'drain: a draining worker that dies hands over its clients; redelivery: %j',
  (redelivers) => {
    const limits = new LimitCounters();
    const { dispatcher, first, second, client } = withTwo({}, limits);
    first.link.redelivers = redelivers;
    const closing = new Client(2);
    for (const one of [client, closing]) dispatcher.dispatchConnected(one, first.link);
    dispatcher.drainWorker(first.link);
    for (const one of [client, closing]) send(dispatcher, one, 'held');
    dispatcher.dispatchClosed(closing, closure);
    dispatcher.removeWorker(first.link);
    const again = (connection: number): string[] =>
      redelivers ? [`${connection} connected again`] : [];
    expect(second.take()).toEqual([
      '1 attached',
      ...again(1),
      '1 text held',
      '2 attached',
      ...again(2),
      '2 text held',
      '2 closed by client',
    ]);
    expect(limits.lostEvents).toBe(redelivers ? 0 : 2);
    expect(dispatcher.eventsInFlight).toBe(redelivers ? 5 : 3);
    expect(client.eventsInFlight).toBe(redelivers ? 2 : 1);
  },
);

test('drain: moves a client again when its next worker drains or dies', () => {
  const { dispatcher, first, second, client } = withTwo();
  const third = new Worker(2);
  send(dispatcher, client, 'a');
  dispatcher.drainWorker(first.link);
  send(dispatcher, client, 'b');
  dispatcher.removeWorker(second.link);
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  dispatcher.addWorker(third.link);
  dispatcher.drainWorker(third.link);
  send(dispatcher, client, 'c');
  const last = new Worker(3);
  dispatcher.addWorker(last.link);
  dispatcher.handleAck(third.link, client, { count: 1, byteLength: 0 });
  expect(third.take()).toEqual(['1 attached', '1 text b', '1 detached', 'drained']);
  expect(last.take()).toEqual(['1 attached', '1 text c']);
});

test('drain: resumes a client that waited for room on the link', () => {
  const { dispatcher, first, client } = withTwo({ sendToWorkerBufferSize: 1024 });
  first.socket.isFull = true;
  send(dispatcher, client, 'x'.repeat(2000));
  dispatcher.drainWorker(first.link);
  expect(client.pauses).toEqual([true]);
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  expect(client.pauses).toEqual([true, false]);
});

test('drain: held events count as events in flight of the client', () => {
  const { dispatcher, first, second, client } = withTwo({ maxEventsInFlight: 4 });
  send(dispatcher, client, 'a');
  dispatcher.drainWorker(first.link);
  for (const text of ['b', 'c', 'd']) send(dispatcher, client, text);
  expect(client.pauses).toEqual([true]);
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  expect(client.pauses).toEqual([true]);
  dispatcher.handleAck(second.link, client, { count: 1, byteLength: 0 });
  expect(client.pauses).toEqual([true, false]);
});

test('drain: moves idle clients over several turns, one with an event at once', () => {
  const endTurn = holdTurn();
  const dispatcher = create();
  const [first, second] = [new Worker(0), new Worker(1)];
  dispatcher.addWorker(first.link);
  const clients = Array.from({ length: 1000 }, (_, i) => new Client(i));
  for (const client of clients) {
    dispatcher.dispatchConnected(client);
    dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  }
  dispatcher.addWorker(second.link);
  dispatcher.drainWorker(first.link);
  expect(second.link.clients.size).toBeGreaterThan(0);
  expect(second.link.clients.size).toBeLessThan(500);
  send(dispatcher, clients[999] ?? new Client(0), 'now');
  expect(second.take().slice(-2)).toEqual(['999 attached', '999 text now']);
  expect(first.take()).not.toContain('drained');
  for (let turn = 0; turn < 10; turn++) endTurn();
  expect(second.link.clients.size).toBe(1000);
  expect(first.take().at(-1)).toBe('drained');
});
