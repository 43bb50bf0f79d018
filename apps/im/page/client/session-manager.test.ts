import { expect, onTestFinished, test, vi } from 'vitest';
import { type Session, SessionManager } from './session-manager.ts';

/** The requested paths. */
const requested: string[] = [];

/** Opens a page whose login the server rejects with an error; resolves with the first state. */
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
    const manager = new SessionManager(resolve, () => undefined);
    onTestFinished(() => {
      manager.stop();
      vi.unstubAllGlobals();
    });
    manager.start();
  });
}

test('session manager: shows a notice if the login is stale', async () => {
  expect(await openRefused('token_stale')).toEqual({
    phase: 'welcome',
    notice: 'You were logged out. Please log in again.',
  });
});

test('session manager: without a login shows the welcome page, no request fails', async () => {
  expect(await openRefused('not_logged_in')).toEqual({ phase: 'welcome', notice: null });
  expect(requested).toEqual(['/api/config']);
});
