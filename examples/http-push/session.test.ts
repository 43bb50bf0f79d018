import cookie from '@fastify/cookie';
import { type FastifyInstance, fastify } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { LoginSessions, type LoginSessionsOptions } from './session.ts';

const startedAt = 1_800_000_000_000;
const hourMs = 60 * 60 * 1000;

/** An app with routes for login, logout and the current uid. */
async function openApp(options: Partial<LoginSessionsOptions> = {}) {
  const clock = { now: startedAt };
  const sessions = new LoginSessions({ secure: false, now: () => clock.now, ...options });
  const app: FastifyInstance = fastify();
  onTestFinished(() => app.close());
  await app.register(cookie, { secret: 'x'.repeat(32) });
  app.post<{ Body: { uid: string } }>('/login', async (request, reply) => {
    sessions.start(reply, request.body.uid);
    return {};
  });
  app.post('/logout', async (request, reply) => {
    const session = sessions.find(request);
    if (session !== undefined) sessions.end(reply, session);
    return {};
  });
  app.get('/uid', (request) => Promise.resolve({ uid: sessions.find(request)?.uid ?? null }));
  return {
    clock,
    async login(uid: string): Promise<string> {
      const answer = await app.inject({ method: 'POST', url: '/login', payload: { uid } });
      return String(answer.headers['set-cookie']).split(';')[0] ?? '';
    },
    async logout(header: string): Promise<void> {
      await app.inject({ method: 'POST', url: '/logout', headers: { cookie: header } });
    },
    async uid(header: string): Promise<unknown> {
      const answer = await app.inject({ url: '/uid', headers: { cookie: header } });
      return Reflect.get(answer.json(), 'uid');
    },
  };
}

test('login sessions: a logout ends one session, all end after 12 hours', async () => {
  const app = await openApp();
  const [first, second] = [await app.login('Ada'), await app.login('Ada')];
  await app.logout(first);
  expect([await app.uid(first), await app.uid(second)]).toEqual([null, 'Ada']);
  app.clock.now += 12 * hourMs - 1;
  expect([await app.uid(first), await app.uid(second)]).toEqual([null, 'Ada']);
  app.clock.now += 1;
  expect([await app.uid(first), await app.uid(second)]).toEqual([null, null]);
});

test('login sessions: when the store is full, ended sessions stay invalid', async () => {
  const app = await openApp({ capacity: 3 });
  const cookies: string[] = [];
  for (const uid of ['a', 'b', 'c', 'd', 'bystander']) cookies.push(await app.login(uid));
  for (const ended of cookies.slice(0, 4)) await app.logout(ended);
  for (const ended of cookies) expect(await app.uid(ended)).toBeNull();
  app.clock.now += 1;
  expect(await app.uid(await app.login('bystander'))).toBe('bystander');
});

test('login sessions: expired logouts make room for new ones', async () => {
  const app = await openApp({ capacity: 2 });
  const early = [await app.login('a'), await app.login('b')];
  for (const ended of early) await app.logout(ended);
  app.clock.now += 12 * hourMs;
  const bystander = await app.login('bystander');
  await app.logout(await app.login('c'));
  expect(await app.uid(bystander)).toBe('bystander');
});
