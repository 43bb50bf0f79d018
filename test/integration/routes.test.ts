import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { roles } from './roles.ts';

const names = ['chat-worker', 'game-worker'];
const routes = { '/chat': 'chat-worker', '/game': 'game-worker' };

/** Workers of both names by turns. Each client gets the number of its worker. */
const applications = {
  workers: 2,
  workerOptions: (id: number) => ({ name: names[id % 2] ?? '' }),
  events: (id: number) => ({
    onConnect: (_id: string, ctx: { send(data: string): boolean }) => void ctx.send(`${id}`),
    onMessage: (
      _id: string,
      message: string | Buffer,
      ctx: { redelivered: boolean; send(data: string): boolean },
    ) => void ctx.send(`${id} ${message}${ctx.redelivered ? ' again' : ''}`),
  }),
} as const;

test('routes: workers of the name of a path serve it, other paths get 404', async () => {
  const cluster = await roles({ ...applications, workers: 4, gatewayOptions: { routes } });
  const workersOf = async (path: string): Promise<Set<unknown>> => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => cluster.connect(0, path)));
    return new Set(await Promise.all(clients.map((client) => client.next())));
  };
  expect(await workersOf('/chat')).toEqual(new Set(['0', '2']));
  expect(await workersOf('/chat/room1?token=/game')).toEqual(new Set(['0', '2']));
  expect(await workersOf('/game/')).toEqual(new Set(['1', '3']));
  for (const path of ['/', '/Chat', '/chats', '/chat/%zz']) {
    const refused = await cluster.refusedHandshake(0, path);
    expect([refused.status, refused.body]).toEqual([404, 'no route has this path\n']);
  }
  expect(cluster.gateways[0]?.status().limits['unknownPath']).toBe(4);
});

test('routes: uids, groups and broadcasts are common to all applications', async () => {
  const cluster = await roles({
    ...applications,
    events: { onConnect: (_id, ctx) => void ctx.send(ctx.clientId) },
    gatewayOptions: { routes },
  });
  const clients = await Promise.all(['/chat', '/game'].map((path) => cluster.connect(0, path)));
  const ids = await Promise.all(clients.map(async (client) => String(await client.next())));
  const api = await cluster.gatewayClient();
  for (const id of ids) api.joinGroup(id, 'room');
  expect(await api.getClientIdListByGroup('room')).toHaveLength(2);
  api.sendToGroup('room', 'to the room');
  api.sendToAll('to all');
  for (const client of clients) {
    expect([await client.next(), await client.next()]).toEqual(['to the room', 'to all']);
  }
});

test('routes: only workers of the path get onHandshake', async () => {
  const asked: string[] = [];
  const cluster = await roles({
    ...applications,
    events: (id) => ({
      ...applications.events(id),
      ...(id === 0 && {
        onHandshake: ({ url }) => {
          asked.push(url);
          return url.includes('no') ? { accept: false, status: 401 } : { accept: true };
        },
      }),
    }),
    gatewayOptions: { routes },
  });
  const clients = await Promise.all(
    ['/game/no', '/chat/yes'].map((path) => cluster.connect(0, path)),
  );
  expect(await Promise.all(clients.map((client) => client.next()))).toEqual(['1', '0']);
  expect((await cluster.refusedHandshake(0, '/chat/no')).status).toBe(401);
  expect((await cluster.refusedHandshake(0, '/no')).status).toBe(404);
  expect(asked.toSorted()).toEqual(['/chat/no', '/chat/yes']);
});

test('routes: a router function gets only the workers of the path', async () => {
  const seen = new Set<string>();
  const cluster = await roles({
    ...applications,
    workers: 4,
    gatewayOptions: {
      routes,
      router: (workers, { request }) => {
        seen.add(`${request?.url} ${workers.map(({ name, id }) => `${name}#${id}`).join(' ')}`);
        return workers[workers.length - 1] ?? workers[0] ?? fail();
      },
    },
  });
  for (const path of ['/chat', '/game']) await cluster.connect(0, path);
  expect([...seen]).toEqual([
    '/chat chat-worker#0 chat-worker#2',
    '/game game-worker#1 game-worker#3',
  ]);
});

function fail(): never {
  throw new Error('a router is asked only when there are workers');
}

test('routes: one without workers holds events and refuses clients, others work', async () => {
  const cluster = await roles({
    ...applications,
    gatewayOptions: { routes, maxHeldMs: 1500, maxHeldBytes: 100_000 },
  });
  const [talker, leaver, player] = [
    await cluster.connect(0, '/chat'),
    await cluster.connect(0, '/chat'),
    await cluster.connect(0, '/game'),
  ];
  for (const client of [talker, leaver, player]) await client.next();
  await cluster.workers[0]?.stop();
  await eventually(() => cluster.gateways[0]?.workerCount === 1);
  talker.send('held');
  leaver.send('x'.repeat(200_000));
  const limits = (): Readonly<Record<string, number>> => cluster.gateways[0]?.status().limits ?? {};
  await eventually(() => limits()['heldBytes'] === 1);
  expect(await cluster.refusedHandshake(0, '/chat')).toMatchObject({
    status: 503,
    body: 'no worker is ready\n',
  });
  player.send('on');
  expect(await player.next()).toBe('1 on');
  expect(await (await cluster.connect(0, '/game')).next()).toBe('1');
  // Worker 2 is the next one of the chat route.
  await cluster.startWorker();
  expect(await talker.next()).toBe('2 held');
  expect(String(await leaver.next())).toMatch(/^2 x{200000}$/);
  await cluster.workers[2]?.stop();
  await eventually(() => cluster.gateways[0]?.workerCount === 1);
  talker.send('too long');
  expect(await talker.ended).toEqual({ code: 1013, reason: 'no worker is ready' });
  player.send('on');
  expect(await player.next()).toBe('1 on');
  expect([leaver.isOpen, limits()['heldTime']]).toEqual([true, 1]);
});

test('routes: a worker of another name gets no client of a route', async () => {
  const cluster = await roles({
    ...applications,
    gatewayOptions: { routes: { '/': 'elsewhere' } },
  });
  expect((await cluster.refusedHandshake(0, '/chat')).status).toBe(503);
  const told = cluster.log.filter(({ msg }) => String(msg).startsWith('worker has no route'));
  expect(told.map((line) => line['worker'])).toEqual(['chat-worker#0', 'game-worker#1']);
});
