import { beforeEach, expect, test, vi } from 'vitest';
import { connectTo, outcomeOf, pass, start, useVirtualTime } from './client.fixture.ts';
import type { PageLocks } from './page.ts';

useVirtualTime();

class MemoryStorage {
  readonly items = new Map<string, string>();
  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }
  removeItem(key: string): void {
    this.items.delete(key);
  }
}

/** The locks of all pages of a browser. */
function createLocks(): PageLocks & { held: Set<string>; release(): void } {
  let waiting: (() => void)[] = [];
  const held = new Set<string>();
  return {
    held,
    /** Ends the page that holds locks. */
    release: () => {
      held.clear();
      for (const retry of waiting.splice(0)) retry();
    },
    request: (name, { signal }, callback) =>
      new Promise((resolve, reject) => {
        const take = (): void => {
          if (held.has(name)) {
            waiting.push(take);
            return;
          }
          held.add(name);
          void callback().then(() => {
            held.delete(name);
            resolve(undefined);
          });
        };
        signal.addEventListener('abort', () => {
          waiting = waiting.filter((entry) => entry !== take);
          reject(signal.reason);
        });
        take();
      }),
  };
}

const stored = { storage: 'session' } as const;
let storage = new MemoryStorage();
let locks = createLocks();

beforeEach(() => {
  storage = new MemoryStorage();
  locks = createLocks();
  vi.stubGlobal('sessionStorage', storage);
  vi.stubGlobal('navigator', { locks });
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), ms);
    return controller.signal;
  });
});

/** Waits until a client with a store, which is loaded on demand, is in a state. */
async function settle(client: { readonly state: string }, state = 'open'): Promise<void> {
  await vi.waitFor(() => expect(client.state).toBe(state));
  await pass();
}

/** Ends the page of a client without an event, as a reload does. */
function leave(page: { readonly server: { drop(): void } }): void {
  page.server.drop();
  vi.clearAllTimers();
  locks.release();
}

test('memory: nothing is ever written to the storage', async () => {
  const set = vi.spyOn(storage, 'setItem');
  const remove = vi.spyOn(storage, 'removeItem');
  const { client, server } = start();
  await pass();
  server.send(1);
  await client.send(1);
  client.close();
  await pass();
  expect(set).not.toHaveBeenCalled();
  expect(remove).not.toHaveBeenCalled();
});

test('reload: the next page resumes, with positions and numbers', async () => {
  const first = start({}, stored);
  await settle(first.client);
  first.server.send('a');
  void first.client.send(1);
  void first.client.send(2);
  await pass();
  leave(first);
  first.server.send('b');
  const second = connectTo(first.server, stored);
  await settle(second.client);
  expect(second.client.clientId).toBe('fake-1');
  expect(second.messages).toEqual(['b']);
  expect(second.events[0]?.[1]).toMatchObject({ resumed: true });
  expect(await outcomeOf(second.client.send(3))).toBe('fulfilled');
  expect(first.server.framesOf('send').map(({ number }) => number)).toEqual([1, 2, 3]);
  expect(first.server.messages).toEqual([1, 2, 3]);
});

test('reload: numbers continue after those of lost frames', async () => {
  const first = start({}, stored);
  await settle(first.client);
  await first.client.send(1);
  void first.client.send('lost');
  void first.client.send('lost');
  leave(first);
  await pass();
  const second = connectTo(first.server, stored);
  await settle(second.client);
  await second.client.send(2);
  expect(first.server.framesOf('send').map(({ number }) => number)).toEqual([1, 4]);
});

test('reload: numbers continue after those that the gateway knows', async () => {
  const first = start({}, stored);
  await settle(first.client);
  await pass();
  const [[key = '', item = ''] = []] = storage.items;
  await first.client.send(1);
  await first.client.send(2);
  leave(first);
  await pass();
  // As if the browser had not written the last item before it crashed.
  storage.setItem(key, item);
  const second = connectTo(first.server, stored);
  await settle(second.client);
  await second.client.send(3);
  expect(first.server.messages).toEqual([1, 2, 3]);
});

test('reload: a page waits for the lock of the page before it', async () => {
  const first = start({}, stored);
  await settle(first.client);
  first.server.drop();
  vi.clearAllTimers();
  const second = connectTo(first.server, stored);
  await pass(100);
  locks.release();
  await settle(second.client);
  expect(second.client.clientId).toBe('fake-1');
});

test('duplicated tab: a copy of the storage starts a session of its own', async () => {
  const first = start({}, stored);
  await settle(first.client);
  const copy = new MemoryStorage();
  for (const [key, value] of storage.items) copy.setItem(key, value);
  vi.stubGlobal('sessionStorage', copy);
  const second = connectTo(first.server, stored);
  await vi.waitFor(async () => {
    await pass(500);
    expect(second.client.state).toBe('open');
  });
  expect(second.client.clientId).toBe('fake-2');
  expect(first.client.state).toBe('open');
  expect(first.server.framesOf('hello')[1]).toEqual({ op: 'hello' });
  expect(locks.held).toEqual(new Set(['gatewayworker fake-1', 'gatewayworker fake-2']));
});

test('duplicated tab: without locks, both come to rest with a session each', async () => {
  vi.stubGlobal('navigator', {});
  const first = start({}, stored);
  await settle(first.client);
  const second = connectTo(first.server, stored);
  await settle(second.client);
  expect(second.client.clientId).toBe('fake-1');
  await pass(30_000);
  expect([first.client.state, second.client.state]).toEqual(['open', 'open']);
  const ids = new Set([first.client.clientId, second.client.clientId]);
  expect(ids.size).toBe(2);
});

test('new session: the lock of the previous one is released', async () => {
  const { client, server } = start({}, stored);
  await settle(client);
  server.forgetSessions();
  server.drop();
  await pass(1000);
  expect(client.clientId).toBe('fake-2');
  expect(locks.held).toEqual(new Set(['gatewayworker fake-2']));
});

test('close: removes the session from the storage, and releases the lock', async () => {
  const { client } = start({}, stored);
  await settle(client);
  expect(storage.items.size).toBe(1);
  client.close();
  await pass();
  expect(storage.items.size).toBe(0);
  expect(locks.held.size).toBe(0);
});

test('pagehide: a page whose session is stored sends no Bye', async () => {
  const window = new EventTarget();
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
  vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window));
  const { client, server } = start({}, stored);
  await settle(client);
  window.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: false }));
  await pass();
  expect(server.framesOf('bye')).toEqual([]);
  expect(client.state).toBe('open');
});

test.each([
  ['no JSON', '{'],
  ['null', 'null'],
  ['a number', '1'],
  ['an object without fields', '{}'],
  ['positions that are none', '{"clientId":"a","secret":[1],"positions":5,"lastNumber":1}'],
  ['offsets that are none', '{"clientId":"a","secret":[1],"positions":[["x",-1]],"lastNumber":1}'],
  ['a number that is none', '{"clientId":"a","secret":[1],"positions":[],"lastNumber":"x"}'],
])('storage: an item that holds %s is ignored', async (_name, item) => {
  vi.spyOn(storage, 'getItem').mockReturnValue(item);
  const { client, server } = start({}, stored);
  await settle(client);
  expect(server.framesOf('hello')[0]?.resume).toBeUndefined();
});

test('storage: one that is forbidden leaves the session in memory', async () => {
  vi.stubGlobal('sessionStorage', {
    getItem: () => {
      throw new Error('SecurityError');
    },
    setItem: () => {
      throw new Error('QuotaExceededError');
    },
    removeItem: () => {
      throw new Error('SecurityError');
    },
  });
  const { client, server } = start({}, stored);
  await settle(client);
  server.drop();
  await pass(1000);
  expect(client.clientId).toBe('fake-1');
  client.close();
  await pass();
  expect(client.state).toBe('closed');
});

test('close: while the store is loaded ends the client', async () => {
  const { client, server } = start({}, stored);
  client.close();
  await vi.dynamicImportSettled();
  await pass(1000);
  expect(server.sockets).toHaveLength(0);
  expect(client.state).toBe('closed');
});
