import { expect, onTestFinished, test, vi } from 'vitest';
import { LimitCounters } from '../clients/limit-counters.ts';
import {
  Client,
  closure,
  create,
  holdTurn,
  send,
  Worker,
} from '../workers/event-dispatcher.fixture.ts';

const routes = { '/chat': 'chat', '/talk': 'chat', '/game': 'game' };

let lastClient = 0;

function clientOf(path: string): Client {
  lastClient += 1;
  return new Client(lastClient, { url: `${path}/1?x=2`, headers: {} });
}

test('client routes: clients get only workers of their route', () => {
  const dispatcher = create({ routes });
  const workers = [new Worker(0, 'chat'), new Worker(0, 'game'), new Worker(1, 'game')];
  for (const { link } of workers) dispatcher.addWorker(link);
  const clients = Array.from({ length: 12 }, (_, index) => clientOf(index < 8 ? '/chat' : '/game'));
  for (const client of clients) dispatcher.dispatchConnected(client);
  expect(workers.map(({ link }) => link.connections)).toEqual([8, 2, 2]);
});

test('client routes: paths with the same worker name share a route', () => {
  const dispatcher = create({ routes });
  const [chat, talk, game] = [clientOf('/chat'), clientOf('/talk'), clientOf('/game')];
  for (const client of [chat, talk, game]) dispatcher.dispatchConnected(client);
  expect(chat.route).toBe(talk.route);
  expect(chat.route).not.toBe(game.route);
});

test('client routes: a worker without a route gets no client, and can drain', () => {
  const dispatcher = create({ routes });
  const [unrouted, client] = [new Worker(0, 'unrouted'), clientOf('/chat')];
  dispatcher.addWorker(unrouted.link);
  dispatcher.dispatchConnected(client);
  expect(unrouted.take()).toEqual([]);
  dispatcher.drainWorker(unrouted.link);
  expect(unrouted.take()).toEqual(['drained']);
  expect(dispatcher.heldEvents).toBe(1);
});

test('client routes: held events of one route do not affect another route', () => {
  const limits = new LimitCounters();
  const dispatcher = create({ routes, maxHeldBytes: 1024 }, limits);
  const [chat, game] = [new Worker(0, 'chat'), new Worker(0, 'game')];
  for (const { link } of [chat, game]) dispatcher.addWorker(link);
  const [talker, player, mover] = [clientOf('/chat'), clientOf('/game'), clientOf('/game')];
  for (const client of [talker, player, mover]) dispatcher.dispatchConnected(client);
  dispatcher.handleAck(game.link, player, { count: 1, byteLength: 0 });
  dispatcher.handleAck(game.link, mover, { count: 1, byteLength: 0 });
  dispatcher.removeWorker(chat.link);
  send(dispatcher, talker, 'x'.repeat(2000));
  expect(talker.isPaused).toBe(true);
  // Each route has its own maxHeldBytes, also for the events held during a drain.
  send(dispatcher, player, 'busy');
  dispatcher.drainWorker(game.link);
  send(dispatcher, player, 'held');
  expect([player.isPaused, limits.heldBytes]).toEqual([false, 1]);
  expect([dispatcher.heldEvents, dispatcher.eventsInFlight, dispatcher.eventsWithWorkers]).toEqual([
    2, 3, 1,
  ]);
  const [again, next] = [new Worker(1, 'chat'), new Worker(1, 'game')];
  dispatcher.addWorker(next.link);
  expect(talker.worker).toBeUndefined();
  dispatcher.addWorker(again.link);
  dispatcher.handleAck(game.link, player, { count: 1, byteLength: 0 });
  expect(again.take().at(-1)).toMatch(/text x+$/);
  expect(next.take().at(-1)).toMatch(/text held$/);
  expect([talker.isPaused, dispatcher.heldEvents]).toEqual([false, 0]);
});

test('client routes: expires the clients of a route without workers, and no others', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const limits = new LimitCounters();
  const dispatcher = create({ routes, maxHeldMs: 1000 }, limits);
  const game = new Worker(0, 'game');
  dispatcher.addWorker(game.link);
  const [talker, player] = [clientOf('/chat'), clientOf('/game')];
  for (const client of [talker, player]) send(dispatcher, client, 'x');
  vi.advanceTimersByTime(1500);
  expect([talker.isClosing, player.isClosing]).toEqual([true, false]);
  expect([limits.heldTime, limits.lostEvents]).toEqual([1, 1]);
  dispatcher.dispatchClosed(talker, closure);
  expect(dispatcher.eventsInFlight).toBe(1 + 1);
  dispatcher.close();
});

test('client routes: redelivers events of a dead worker within the route', () => {
  const dispatcher = create({ routes });
  const [chat, game] = [new Worker(0, 'chat'), new Worker(0, 'game')];
  chat.link.redelivers = true;
  for (const { link } of [chat, game]) dispatcher.addWorker(link);
  const client = clientOf('/talk');
  send(dispatcher, client, 'x');
  dispatcher.removeWorker(chat.link);
  expect([client.worker, game.link.connections]).toEqual([undefined, 0]);
  const next = new Worker(1, 'chat');
  dispatcher.addWorker(next.link);
  expect(next.take().at(-1)).toMatch(/text x again$/);
});

test('client routes: many unbound clients of one route do not delay another route', () => {
  const endTurn = holdTurn();
  const dispatcher = create({ routes });
  const [chat, game] = [new Worker(0, 'chat'), new Worker(0, 'game')];
  const talkers = Array.from({ length: 1000 }, () => clientOf('/chat'));
  const players = Array.from({ length: 10 }, () => clientOf('/game'));
  for (const client of [...talkers, ...players]) dispatcher.dispatchConnected(client);
  dispatcher.addWorker(chat.link);
  const before = chat.link.connections;
  dispatcher.addWorker(game.link);
  endTurn();
  expect(game.link.connections).toBe(10);
  expect(chat.link.connections).toBe(2 * before - 10);
  for (let turn = 0; turn < 3; turn += 1) endTurn();
  expect(chat.link.connections).toBe(1000);
});
