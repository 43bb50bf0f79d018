import { expect, onTestFinished, test, vi } from 'vitest';
import { type Session, SessionKeeper } from './session-keeper.ts';

/** Paths that the page has asked for. */
const requested: string[] = [];

/** Opens a page whose cookie the server answers with an error; resolves with the first thing shown. */
async function openRefused(error: string): Promise<Session> {
  vi.stubGlobal('addEventListener', vi.fn());
  vi.stubGlobal('removeEventListener', vi.fn());
  const document = { addEventListener: vi.fn(), removeEventListener: vi.fn() };
  vi.stubGlobal('document', document);
  requested.length = 0;
  vi.stubGlobal('fetch', async (path: string) => {
    requested.push(path);
    return path === '/api/config'
      ? Response.json({ socketPort: 1, hasLogin: error !== 'not_logged_in' })
      : Response.json({ error, message: 'No.' }, { status: 401 });
  });
  return await new Promise((resolve) => {
    const keeper = new SessionKeeper(resolve, () => undefined);
    onTestFinished(() => {
      keeper.stop();
      vi.unstubAllGlobals();
    });
    keeper.start();
  });
}

test('a page that is opened with a stale login says so', async () => {
  expect(await openRefused('token_stale')).toEqual({
    phase: 'welcome',
    notice: 'You were logged out. Please log in again.',
  });
});

test('session keeper: without a login asks for one and makes no request that fails', async () => {
  expect(await openRefused('not_logged_in')).toEqual({ phase: 'welcome', notice: null });
  expect(requested).toEqual(['/api/config']);
});
