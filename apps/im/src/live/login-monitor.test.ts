import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { LoginMonitor } from './login-monitor.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Creates a monitor; devices are logged in while they are in the set. */
function createMonitor(...deviceIds: readonly string[]) {
  const loggedIn = new Set(deviceIds);
  const queries: (readonly string[])[] = [];
  const [stale, errors]: [string[], unknown[]] = [[], []];
  const database = { isUnreachable: false };
  const gateway = { isReachable: true };
  const monitor = new LoginMonitor({
    devices: {
      async filterLoggedIn(ids) {
        queries.push(ids);
        if (database.isUnreachable) throw new Error('unreachable');
        return new Set(ids.filter((id) => loggedIn.has(id)));
      },
    },
    onStale(clientId) {
      stale.push(clientId);
      return gateway.isReachable;
    },
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => monitor.stop());
  const isLoggedIn = async (clientId: string, deviceId: string) => {
    const result = monitor.isLoggedIn(clientId, deviceId);
    await vi.advanceTimersByTimeAsync(10);
    return await result;
  };
  return { monitor, loggedIn, queries, stale, errors, database, gateway, isLoggedIn };
}

test('login monitor: a device is looked up at most once in 5 s', async () => {
  const { queries, isLoggedIn } = createMonitor('d');
  for (let count = 0; count < 100; count += 1) expect(await isLoggedIn('c', 'd')).toBe(true);
  expect(queries).toEqual([['d']]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(await isLoggedIn('c', 'd')).toBe(true);
  expect(queries).toHaveLength(2);
});

test('login monitor: a message 5 s after the logout closes the connection', async () => {
  const { loggedIn, stale, isLoggedIn } = createMonitor('d');
  expect(await isLoggedIn('c', 'd')).toBe(true);
  loggedIn.delete('d');
  await vi.advanceTimersByTimeAsync(5000);
  expect(await isLoggedIn('c', 'd')).toBe(false);
  expect(stale).toEqual(['c']);
});

test('login monitor: idle connections of a logged-out device close within 30 s', async () => {
  const { loggedIn, stale, isLoggedIn } = createMonitor('d', 'e');
  await Promise.all([isLoggedIn('c1', 'd'), isLoggedIn('c2', 'd'), isLoggedIn('c3', 'e')]);
  loggedIn.delete('d');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(stale).toEqual(['c1', 'c2']);
});

test('login monitor: if the gateway is unreachable, the close is retried', async () => {
  const { loggedIn, stale, gateway, isLoggedIn } = createMonitor('d');
  await isLoggedIn('c', 'd');
  loggedIn.delete('d');
  gateway.isReachable = false;
  await vi.advanceTimersByTimeAsync(30_000);
  gateway.isReachable = true;
  await vi.advanceTimersByTimeAsync(30_000);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(stale).toEqual(['c', 'c']);
});

test('login monitor: ended connections are not looked up', async () => {
  const { monitor, queries, isLoggedIn } = createMonitor('d');
  await isLoggedIn('c', 'd');
  monitor.forget('c');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(queries).toEqual([['d']]);
});

test('login monitor: many devices are looked up in one query', async () => {
  const devices = Array.from({ length: 50 }, (_, index) => `d${index}`);
  const { queries, isLoggedIn } = createMonitor(...devices);
  await Promise.all(devices.map((id) => isLoggedIn(`c-${id}`, id)));
  expect(queries).toEqual([devices]);
});

test('login monitor: if the database is unreachable, no connection closes', async () => {
  const { stale, errors, database, isLoggedIn } = createMonitor('d');
  await isLoggedIn('c', 'd');
  database.isUnreachable = true;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(stale).toEqual([]);
  expect(errors).toMatchObject([{ message: 'unreachable' }]);
});
