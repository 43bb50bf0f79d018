import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { LoginWatch } from './login-watch.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A watch over devices that are logged in until they are taken from the set. */
function begin(...deviceIds: readonly string[]) {
  const loggedIn = new Set(deviceIds);
  const asked: (readonly string[])[] = [];
  const [stale, errors]: [string[], unknown[]] = [[], []];
  const database = { isAway: false };
  const gateway = { isThere: true };
  const watch = new LoginWatch({
    devices: {
      async stillLoggedIn(ids) {
        asked.push(ids);
        if (database.isAway) throw new Error('away');
        return new Set(ids.filter((id) => loggedIn.has(id)));
      },
    },
    onStale(clientId) {
      stale.push(clientId);
      return gateway.isThere;
    },
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => watch.stop());
  const isGood = async (clientId: string, deviceId: string) => {
    const good = watch.isGood(clientId, deviceId);
    await vi.advanceTimersByTimeAsync(10);
    return await good;
  };
  return { watch, loggedIn, asked, stale, errors, database, gateway, isGood };
}

test('a device is looked up once in 5 s at most, however much it says', async () => {
  const { asked, isGood } = begin('d');
  for (let count = 0; count < 100; count += 1) expect(await isGood('c', 'd')).toBe(true);
  expect(asked).toEqual([['d']]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(await isGood('c', 'd')).toBe(true);
  expect(asked).toHaveLength(2);
});

test('who is logged out can say nothing more 5 s later, and is let go', async () => {
  const { loggedIn, stale, isGood } = begin('d');
  expect(await isGood('c', 'd')).toBe(true);
  loggedIn.delete('d');
  await vi.advanceTimersByTimeAsync(5000);
  expect(await isGood('c', 'd')).toBe(false);
  expect(stale).toEqual(['c']);
});

test('who only listens is let go within 30 s, and nobody else is', async () => {
  const { loggedIn, stale, isGood } = begin('d', 'e');
  await Promise.all([isGood('c1', 'd'), isGood('c2', 'd'), isGood('c3', 'e')]);
  loggedIn.delete('d');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(stale).toEqual(['c1', 'c2']);
});

test('who cannot be let go, because the gateway is away, is let go later', async () => {
  const { loggedIn, stale, gateway, isGood } = begin('d');
  await isGood('c', 'd');
  loggedIn.delete('d');
  gateway.isThere = false;
  await vi.advanceTimersByTimeAsync(30_000);
  gateway.isThere = true;
  await vi.advanceTimersByTimeAsync(30_000);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(stale).toEqual(['c', 'c']);
});

test('connections that have ended are not looked at', async () => {
  const { watch, asked, isGood } = begin('d');
  await isGood('c', 'd');
  watch.gone('c');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual([['d']]);
});

test('many are looked up in one query', async () => {
  const devices = Array.from({ length: 50 }, (_, index) => `d${index}`);
  const { asked, isGood } = begin(...devices);
  await Promise.all(devices.map((id) => isGood(`c-${id}`, id)));
  expect(asked).toEqual([devices]);
});

test('nobody is let go because the database is away', async () => {
  const { stale, errors, database, isGood } = begin('d');
  await isGood('c', 'd');
  database.isAway = true;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(stale).toEqual([]);
  expect(errors).toMatchObject([{ message: 'away' }]);
});
