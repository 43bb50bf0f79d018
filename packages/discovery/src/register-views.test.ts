import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RegisterViews } from './register-views.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const one = { address: 'a:1', instanceId: 'one', gatewayToken: 1, name: 'g' };
const two = { address: 'b:2', instanceId: 'two', gatewayToken: 2, name: 'g' };
const again = { ...one, instanceId: 'again' };

function create(): { lists: RegisterViews; ids: () => string[] } {
  let last: string[] = [];
  const lists = new RegisterViews((gateways) => {
    last = Array.from(gateways.values(), ({ instanceId }) => instanceId);
  });
  return { lists, ids: () => last.toSorted() };
}

test('a gateway is alive if any register says so', () => {
  const { lists, ids } = create();
  expect(lists.isKnown).toBe(false);
  lists.update('r1', 'as ever', [one]);
  lists.update('r2', 'as ever', [two]);
  expect(ids()).toEqual(['one', 'two']);
  lists.update('r1', 'as ever', []);
  expect(ids()).toEqual(['two']);
});

test('what registers said last counts without end while none tells', () => {
  const { lists, ids } = create();
  lists.update('r1', 'as ever', [one]);
  lists.lose('r1');
  vi.advanceTimersByTime(3_600_000);
  expect(ids()).toEqual(['one']);
  expect(lists.isKnown).toBe(true);
});

test('the word of a register that is away counts for ten seconds while another tells', () => {
  const { lists, ids } = create();
  lists.update('r1', 'as ever', [one]);
  lists.update('r2', 'as ever', [two]);
  lists.lose('r1');
  vi.advanceTimersByTime(9_999);
  expect(ids()).toEqual(['one', 'two']);
  vi.advanceTimersByTime(1);
  expect(ids()).toEqual(['two']);
});

test('that a gateway lives is told by those registers that are not away', () => {
  const { lists } = create();
  lists.update('r1', 'as ever', [one, two]);
  lists.update('r2', 'as ever', [one]);
  const alive = (): boolean[] => [lists.isAlive('a:1', 'one'), lists.isAlive('b:2', 'two')];
  expect(alive()).toEqual([true, true]);
  expect([lists.isAlive('a:1', 'again'), lists.isAlive('b:2', 'one')]).toEqual([false, false]);
  // The host of r1 and the second gateway is off the network: nobody waits for the word of that register.
  lists.lose('r1');
  expect(alive()).toEqual([true, false]);
  lists.lose('r2');
  expect(alive()).toEqual([false, false]);
});

test('a register that comes back in time and knows of nobody any more takes away only its own word', () => {
  const { lists, ids } = create();
  lists.update('r1', 'as ever', [one]);
  lists.update('r2', 'as ever', [one]);
  lists.lose('r1');
  lists.update('r1', 'as ever', []);
  vi.advanceTimersByTime(60_000);
  expect(ids()).toEqual(['one']);
  lists.update('r2', 'as ever', []);
  expect(ids()).toEqual([]);
});

test('a register that was started anew ends nothing by its silence for ten seconds', () => {
  const { lists, ids } = create();
  lists.update('r1', 'first', [one, two]);
  lists.lose('r1');
  vi.advanceTimersByTime(9_000);
  lists.update('r1', 'second', []);
  expect(ids()).toEqual(['one', 'two']);
  // The word of those who are away proves nobody's life.
  expect(lists.isAlive('a:1', 'one')).toBe(false);
  vi.advanceTimersByTime(9_999);
  expect(ids()).toEqual(['one', 'two']);
  lists.update('r1', 'second', [one]);
  vi.advanceTimersByTime(1);
  expect(ids()).toEqual(['one']);
  // From here on it means what it does not say.
  lists.update('r1', 'second', []);
  expect(ids()).toEqual([]);
});

test('what a register that was started anew says of an address counts at once', () => {
  const { lists, ids } = create();
  lists.update('r1', 'first', [one]);
  lists.lose('r1');
  lists.update('r1', 'second', [again]);
  expect(ids()).toEqual(['again']);
  vi.advanceTimersByTime(60_000);
  expect(ids()).toEqual(['again']);
});

test('a register that is started anew again and again keeps the word of all before it', () => {
  const { lists, ids } = create();
  for (const [index, gateways] of [[one], [two], [], []].entries()) {
    lists.update('r1', `process ${index}`, gateways);
    lists.lose('r1');
    vi.advanceTimersByTime(60_000);
  }
  expect(ids()).toEqual(['one', 'two']);
  // One timer for the word of the last, one for that of all others.
  expect(vi.getTimerCount()).toBe(2);
  lists.update('r1', 'process 9', []);
  vi.advanceTimersByTime(10_000);
  expect(ids()).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test('about one address the word of a register that tells counts', () => {
  const { lists, ids } = create();
  lists.update('r1', 'as ever', [again]);
  lists.update('r2', 'as ever', [one]);
  expect(ids()).toEqual(['one']);
  lists.lose('r2');
  expect(ids()).toEqual(['again']);
});

test('nothing is left to wait for once it is closed', () => {
  const { lists } = create();
  lists.update('r1', 'as ever', [one]);
  lists.lose('r1');
  lists.close();
  lists.lose('r1');
  expect(vi.getTimerCount()).toBe(0);
});
