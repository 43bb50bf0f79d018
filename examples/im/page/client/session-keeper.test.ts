import { expect, onTestFinished, test, vi } from 'vitest';
import { type Session, SessionKeeper } from './session-keeper.ts';

/** Opens a page whose cookie the server answers with an error; resolves with the first thing shown. */
async function openRefused(error: string): Promise<Session> {
  vi.stubGlobal('addEventListener', vi.fn());
  vi.stubGlobal('removeEventListener', vi.fn());
  const document = { addEventListener: vi.fn(), removeEventListener: vi.fn() };
  vi.stubGlobal('document', document);
  vi.stubGlobal('fetch', async (path: string) =>
    path === '/api/config'
      ? Response.json({ socketPort: 1 })
      : Response.json({ error, message: 'No.' }, { status: 401 }),
  );
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

test('a page that is opened without a login just asks for one', async () => {
  expect(await openRefused('not_logged_in')).toEqual({ phase: 'welcome', notice: null });
});
