import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MergedLists } from './merged-lists.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const one = { address: 'a:1', instanceId: 'one', gatewayToken: 1, name: 'g' };
const two = { address: 'b:2', instanceId: 'two', gatewayToken: 2, name: 'g' };
const again = { ...one, instanceId: 'again' };

function create(): { lists: MergedLists; ids: () => string[] } {
  let last: string[] = [];
  const lists = new MergedLists((gateways) => {
    last = Array.from(gateways.values(), ({ instanceId }) => instanceId);
  });
  return { lists, ids: () => last.toSorted() };
}

test('a gateway is alive if any register says so', () => {
  const { lists, ids } = create();
  expect(lists.isKnown).toBe(false);
  lists.update('r1', [one]);
  lists.update('r2', [two]);
  expect(ids()).toEqual(['one', 'two']);
  lists.update('r1', []);
  expect(ids()).toEqual(['two']);
});

test('what registers said last counts without end while none tells', () => {
  const { lists, ids } = create();
  lists.update('r1', [one]);
  lists.lose('r1');
  vi.advanceTimersByTime(3_600_000);
  expect(ids()).toEqual(['one']);
  expect(lists.isKnown).toBe(true);
});

test('the word of a register that is away counts for ten seconds while another tells', () => {
  const { lists, ids } = create();
  lists.update('r1', [one]);
  lists.update('r2', [two]);
  lists.lose('r1');
  vi.advanceTimersByTime(9_999);
  expect(ids()).toEqual(['one', 'two']);
  vi.advanceTimersByTime(1);
  expect(ids()).toEqual(['two']);
});

test('that a gateway lives is told by those registers that are not away', () => {
  const { lists } = create();
  lists.update('r1', [one, two]);
  lists.update('r2', [one]);
  const alive = (): boolean[] => [lists.isAlive('a:1', 'one'), lists.isAlive('b:2', 'two')];
  expect(alive()).toEqual([true, true]);
  expect([lists.isAlive('a:1', 'again'), lists.isAlive('b:2', 'one')]).toEqual([false, false]);
  // The host of r1 and the second gateway is off the network: nobody waits for the word of that register.
  lists.lose('r1');
  expect(alive()).toEqual([true, false]);
  lists.lose('r2');
  expect(alive()).toEqual([false, false]);
});

test('a register that comes back in time and knows of nobody yet takes away only its own word', () => {
  const { lists, ids } = create();
  lists.update('r1', [one]);
  lists.update('r2', [one]);
  lists.lose('r1');
  lists.update('r1', []);
  vi.advanceTimersByTime(60_000);
  expect(ids()).toEqual(['one']);
});

test('about one address the word of a register that tells counts', () => {
  const { lists, ids } = create();
  lists.update('r1', [again]);
  lists.update('r2', [one]);
  expect(ids()).toEqual(['one']);
  lists.lose('r2');
  expect(ids()).toEqual(['again']);
});

test('nothing is left to wait for once it is closed', () => {
  const { lists } = create();
  lists.update('r1', [one]);
  lists.lose('r1');
  lists.close();
  lists.lose('r1');
  expect(vi.getTimerCount()).toBe(0);
});
