import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RegisterViews } from './register-views.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const one = { address: 'a:1', instanceId: 'one', gatewayToken: 1, name: 'g' };
const two = { address: 'b:2', instanceId: 'two', gatewayToken: 2, name: 'g' };
const again = { ...one, instanceId: 'again' };

function create(): { views: RegisterViews; ids: () => string[] } {
  let last: string[] = [];
  const views = new RegisterViews((gateways) => {
    last = Array.from(gateways.values(), ({ instanceId }) => instanceId);
  });
  return { views, ids: () => last.toSorted() };
}

test('register views: a gateway is alive if any register reports it', () => {
  const { views, ids } = create();
  expect(views.hasSnapshot).toBe(false);
  views.update('r1', 'process 0', [one]);
  views.update('r2', 'process 0', [two]);
  expect(ids()).toEqual(['one', 'two']);
  views.update('r1', 'process 0', []);
  expect(ids()).toEqual(['two']);
});

test('register views: without a connected register snapshots do not expire', () => {
  const { views, ids } = create();
  views.update('r1', 'process 0', [one]);
  views.disconnect('r1');
  vi.advanceTimersByTime(3_600_000);
  expect(ids()).toEqual(['one']);
  expect(views.hasSnapshot).toBe(true);
});

test('register views: the snapshot of a disconnected register expires after 10 s', () => {
  const { views, ids } = create();
  views.update('r1', 'process 0', [one]);
  views.update('r2', 'process 0', [two]);
  views.disconnect('r1');
  vi.advanceTimersByTime(9_999);
  expect(ids()).toEqual(['one', 'two']);
  vi.advanceTimersByTime(1);
  expect(ids()).toEqual(['two']);
});

test('register views: only connected registers prove that a gateway is alive', () => {
  const { views } = create();
  views.update('r1', 'process 0', [one, two]);
  views.update('r2', 'process 0', [one]);
  const alive = (): boolean[] => [views.isAlive('a:1', 'one'), views.isAlive('b:2', 'two')];
  expect(alive()).toEqual([true, true]);
  expect([views.isAlive('a:1', 'again'), views.isAlive('b:2', 'one')]).toEqual([false, false]);
  // The list of a disconnected register does not count: its host may have lost its network, with the gateway there.
  views.disconnect('r1');
  expect(alive()).toEqual([true, false]);
  views.disconnect('r2');
  expect(alive()).toEqual([false, false]);
});

test('register views: an empty list replaces only the list of its own register', () => {
  const { views, ids } = create();
  views.update('r1', 'process 0', [one]);
  views.update('r2', 'process 0', [one]);
  views.disconnect('r1');
  views.update('r1', 'process 0', []);
  vi.advanceTimersByTime(60_000);
  expect(ids()).toEqual(['one']);
  views.update('r2', 'process 0', []);
  expect(ids()).toEqual([]);
});

test('register views: the list of a restarted register removes no gateway for 10 s', () => {
  const { views, ids } = create();
  views.update('r1', 'first', [one, two]);
  views.disconnect('r1');
  vi.advanceTimersByTime(9_000);
  views.update('r1', 'second', []);
  expect(ids()).toEqual(['one', 'two']);
  // Snapshots of disconnected processes do not prove that a gateway is alive.
  expect(views.isAlive('a:1', 'one')).toBe(false);
  vi.advanceTimersByTime(9_999);
  expect(ids()).toEqual(['one', 'two']);
  views.update('r1', 'second', [one]);
  vi.advanceTimersByTime(1);
  expect(ids()).toEqual(['one']);
  // The old snapshot has expired, so a gateway missing in the new list is removed.
  views.update('r1', 'second', []);
  expect(ids()).toEqual([]);
});

test('register views: the gateway of a restarted register replaces an old one at once', () => {
  const { views, ids } = create();
  views.update('r1', 'first', [one]);
  views.disconnect('r1');
  views.update('r1', 'second', [again]);
  expect(ids()).toEqual(['again']);
  vi.advanceTimersByTime(60_000);
  expect(ids()).toEqual(['again']);
});

test('register views: repeated restarts of a register keep the lists before them', () => {
  const { views, ids } = create();
  for (const [index, gateways] of [[one], [two], [], []].entries()) {
    views.update('r1', `process ${index}`, gateways);
    views.disconnect('r1');
    vi.advanceTimersByTime(60_000);
  }
  expect(ids()).toEqual(['one', 'two']);
  // One timer for the snapshot of the last process, one for the merged snapshot of the others.
  expect(vi.getTimerCount()).toBe(2);
  views.update('r1', 'process 9', []);
  vi.advanceTimersByTime(10_000);
  expect(ids()).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test('register views: for one address a connected register wins', () => {
  const { views, ids } = create();
  views.update('r1', 'process 0', [again]);
  views.update('r2', 'process 0', [one]);
  expect(ids()).toEqual(['one']);
  views.disconnect('r2');
  expect(ids()).toEqual(['again']);
});

test('register views: close stops all timers', () => {
  const { views } = create();
  views.update('r1', 'process 0', [one]);
  views.disconnect('r1');
  views.close();
  views.disconnect('r1');
  expect(vi.getTimerCount()).toBe(0);
});
