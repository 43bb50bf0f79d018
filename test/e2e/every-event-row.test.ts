import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import {
  eventually,
  openClient,
  openTcpPeer,
  requestRefusedHandshake,
  type TcpPeer,
} from '@gatewayworker/testing';
import type { GatewayClient } from 'gatewayworker';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  awaitTold,
  type EveryRow,
  type Member,
  startEveryRow,
  type Told,
} from './fixtures/every-row/every-row.ts';

const [websocket, text, heartbeat] = [0, 1, 2] as const;

let row: EveryRow;
let told: Told[];
let api: GatewayClient;
/** A client of each worker, which can let go what others hold there. */
let helpers: Member[];

beforeAll(async () => {
  row = await startEveryRow([
    {
      scheme: 'websocket',
      name: 'row-websocket',
      maxMessageBytes: 5000,
      sendToClientBufferSize: 500_000,
    },
    { scheme: 'text', name: 'row-text' },
    { scheme: 'websocket', name: 'row-heartbeat', pingInterval: 0.2, pingNotResponseLimit: 2 },
  ]);
  told = await row.observe();
  api = await row.connectApi();
  helpers = await row.openOnBoth();
});

afterAll(() => row?.dispose());

function order(what: string, details: object = {}): string {
  return JSON.stringify({ do: what, ...details });
}

async function ask(member: Member, what: string, details: object = {}): Promise<unknown> {
  member.client.send(order(what, details));
  return await member.client.nextJson();
}

function release(name: string): void {
  for (const { client } of helpers) client.send(order('release', { name }));
}

function eventsOf(clientId: string): string[] {
  return told.filter((one) => one.clientId === clientId).map(({ event }) => event);
}

/** How a client ended, once it is certain that its end is told once only. */
async function endOf({ id }: Pick<Member, 'id'>): Promise<Told> {
  const end = await awaitTold(told, 'onClose', id);
  // An event of the same worker, told by the same links, comes after a second end, if there is one.
  const fences = helpers.map(({ client }) => {
    const fence = `fence ${Math.random()}`;
    client.send(fence);
    return eventually(() => told.some((one) => one['text'] === fence));
  });
  await Promise.all(fences);
  for (const { client } of helpers) client.messages.length = 0;
  expect(eventsOf(id).filter((event) => event === 'onClose')).toEqual(['onClose']);
  return end;
}

async function openText(): Promise<{ peer: TcpPeer; id: string }> {
  const peer = await openTcpPeer(row.ports[text] ?? 0);
  onTestFinished(() => peer.destroy());
  await eventually(() => peer.received.includes('\n'));
  const { clientId } = JSON.parse(peer.received.toString());
  return { peer, id: clientId };
}

/** Lines of the log with a message. */
async function logged(of: EveryRow, message: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(of.logFile, 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message);
}

test('onWorkerStart has run once in each worker process, with a query that was answered', async () => {
  const starts = await logged(row, 'row worker starts');
  expect(starts.map(({ number }) => number).toSorted()).toEqual([0, 1]);
  expect(starts.map(({ count, sent }) => [count, sent])).toEqual([
    [0, true],
    [0, true],
  ]);
});

test('onHandshake lets in with uid, session and groups, which the first event sees', async () => {
  const members = await row.openBoth(2, () => '/?uid=h&session={"k":1}&group=g1&group=g2');
  for (const { id } of members) {
    expect(await awaitTold(told, 'onConnect', id)).toMatchObject({ uid: 'h', session: { k: 1 } });
  }
  const ids = members.map(({ id }) => id).toSorted();
  expect((await api.getClientIdByUid('h')).toSorted()).toEqual(ids);
  expect((await api.getClientIdListByGroup('g1')).toSorted()).toEqual(ids);
  expect((await api.getClientIdListByGroup('g2')).toSorted()).toEqual(ids);
});

test('onHandshake refuses with a status and a reason, and no event is told of it', async () => {
  const count = await api.getAllClientIdCount();
  const before = told.filter(({ event }) => event === 'onConnect').length;
  // Twice, which is once at each gateway process.
  for (let round = 0; round < 2; round += 1) {
    const path = '/?refuse=429&reason=not%20today';
    const refused = await requestRefusedHandshake(row.ports[websocket] ?? 0, path);
    expect(refused).toMatchObject({ status: 429, body: 'not today\n' });
  }
  const member = await row.open();
  await awaitTold(told, 'onConnect', member.id);
  expect(told.filter(({ event }) => event === 'onConnect')).toHaveLength(before + 1);
  expect(await api.getAllClientIdCount()).toBe(count + 1);
  await member.client.close();
});

test('onConnect of a websocket has every member of ctx, the handshake with it', async () => {
  const headers = { cookie: 'sid=a%20b; theme=dark', 'x-own': 'yes' };
  const url = '/chat?n=5&n=6&uid=ctx&session=%7B%22k%22:[1]%7D';
  const member = await row.open(url, { headers });
  const connected = await awaitTold(told, 'onConnect', member.id);
  expect(connected).toMatchObject({
    clientId: member.id,
    uid: 'ctx',
    session: { k: [1] },
    remoteAddress: '127.0.0.1',
    remotePort: expect.any(Number),
    gatewayName: 'row-websocket',
    gatewayPort: row.ports[websocket],
    redelivered: false,
    request: {
      url,
      query: [
        ['n', '5'],
        ['n', '6'],
        ['uid', 'ctx'],
        ['session', '{"k":[1]}'],
      ],
      headers,
      cookies: { sid: 'a b', theme: 'dark' },
    },
  });
  // Later events have the same.
  const { event: _event, worker: _worker, pid: _pid, ...described } = connected;
  expect(await ask(member, 'describe')).toEqual(described);
});

test('onWebSocketConnect comes directly after onConnect, and before the first message', async () => {
  const client = await openClient(row.ports[websocket] ?? 0, '/?hold=door');
  onTestFinished(() => client.terminate());
  client.send('first words');
  const id = await eventually(
    () =>
      told.find((one) => Reflect.get(Object(one['request']), 'url') === '/?hold=door')?.clientId,
  );
  // Both workers have answered others meanwhile.
  for (const helper of helpers) await ask(helper, 'describe');
  expect(eventsOf(id)).toEqual(['onConnect']);
  release('door');
  await awaitTold(told, 'onMessage', id);
  expect(eventsOf(id)).toEqual(['onConnect', 'onWebSocketConnect', 'onMessage']);
  const { request } = await awaitTold(told, 'onConnect', id);
  expect((await awaitTold(told, 'onWebSocketConnect', id))['request']).toEqual(request);
});

test('a client of the text protocol is connected at accept, has no request, and speaks lines', async () => {
  const { peer, id } = await openText();
  expect(await awaitTold(told, 'onConnect', id)).toMatchObject({
    gatewayName: 'row-text',
    gatewayPort: row.ports[text],
    request: null,
  });
  peer.send('one\ntwo\r\n');
  await eventually(() => peer.received.toString().endsWith('one\ntwo\n'));
  expect(eventsOf(id)).toEqual(['onConnect', 'onMessage', 'onMessage']);
  const messages = told.filter((one) => one.event === 'onMessage' && one.clientId === id);
  expect(messages.map((one) => [one['text'], one['isText']])).toEqual([
    ['one', true],
    ['two', true],
  ]);
  peer.destroy();
  expect((await endOf({ id }))['closed']).toEqual({ by: 'client' });
});

test('onMessage has text as a string and binary as a Buffer, and answers keep the kind', async () => {
  for (const { client, id } of await row.openBoth(2)) {
    client.send('plain');
    client.send(Buffer.from('bytes'));
    expect([await client.next(), await client.next()]).toEqual(['plain', Buffer.from('bytes')]);
    await eventually(() => eventsOf(id).filter((event) => event === 'onMessage').length === 2);
    const messages = told.filter((one) => one.event === 'onMessage' && one.clientId === id);
    expect(messages.map((one) => one['isText'])).toEqual([true, false]);
  }
});

test('onClose tells that the client said goodbye, with its code, uid and last session', async () => {
  for (const member of await row.openBoth(2, () => '/?uid=leaver&session={"k":1}')) {
    await ask(member, 'session', { set: { last: true } });
    await member.client.close(4005, 'done');
    expect(await endOf(member)).toMatchObject({
      closed: { by: 'client', code: 4005, reason: 'done' },
      session: { k: 1, last: true },
      uid: 'leaver',
    });
  }
});

test('onClose tells that a client was cut off', async () => {
  const member = await row.open();
  member.client.terminate();
  expect((await endOf(member))['closed']).toMatchObject({ by: 'client', code: 1006 });
});

test('onClose tells that the server closed, by either way to do so', async () => {
  const [closed, destroyed] = await row.openBoth(2);
  if (closed === undefined || destroyed === undefined) throw new Error('two clients are needed');
  api.closeClient(closed.id, 'bye', { code: 4006, reason: 'go' });
  expect((await endOf(closed))['closed']).toEqual({ by: 'server', code: 4006, reason: 'go' });
  api.destroyClient(destroyed.id);
  expect((await endOf(destroyed))['closed']).toMatchObject({ by: 'server' });
});

test('onClose tells that the client broke the protocol', async () => {
  const member = await row.open();
  member.client.send('x'.repeat(6000));
  expect((await member.client.ended).code).toBe(1009);
  expect((await endOf(member))['closed']).toMatchObject({ by: 'protocol', code: 1009 });
});

test('onClose tells that the client was silent', async () => {
  const silent = new WebSocket(`ws://127.0.0.1:${row.ports[heartbeat]}/`, { autoPong: false });
  const [greeting] = await once(silent, 'message');
  await once(silent, 'close');
  const end = await endOf({ id: JSON.parse(String(greeting)).clientId });
  expect(end['closed']).toMatchObject({ by: 'heartbeat' });
});

test('onClose tells that the client was too slow', async () => {
  const member = await row.open();
  member.client.pause();
  const megabyte = Buffer.alloc(1_000_000, 1);
  await eventually(async () => {
    api.sendToClient(member.id, megabyte);
    await api.isOnline(member.id);
    return eventsOf(member.id).includes('onClose');
  });
  expect((await endOf(member))['closed']).toMatchObject({ by: 'overflow' });
  member.client.resume();
});

test.each(['throw', 'reject'])(
  'onError is told of a callback that does %s, and nobody is harmed',
  async (way) => {
    const [member, other] = await row.openBoth(2);
    if (member === undefined || other === undefined) throw new Error('two clients are needed');
    const words = `it did ${way} ${member.id}`;
    member.client.send(order(way, { text: words }));
    const error = await eventually(() =>
      told.find((one) => one.event === 'onError' && one.clientId === member.id),
    );
    expect(error).toMatchObject({ failed: 'onMessage', text: `Error: ${words}`, pid: member.pid });
    for (const one of [member, other]) {
      one.client.send('go on');
      expect(await one.client.next()).toBe('go on');
      expect(told.findLast(({ clientId }) => clientId === one.id)?.pid).toBe(one.pid);
    }
  },
);

test('onError is told of onHandshake, and the client is refused', async () => {
  const path = '/?session=no-json';
  expect(await requestRefusedHandshake(row.ports[websocket] ?? 0, path)).toMatchObject({
    status: 500,
  });
  const error = await eventually(() => told.find((one) => one['failed'] === 'onHandshake'));
  expect(error.clientId).toBeUndefined();
});

test('ctx answers its client after an await and in a timer', async () => {
  for (const member of await row.openBoth(2)) {
    expect(await ask(member, 'later')).toEqual({ later: true });
  }
});

test('events of one client wait for each other, those of different clients do not', async () => {
  const member = await row.open();
  const other = helpers[member.worker];
  if (other === undefined) throw new Error(`worker ${member.worker} has no helper`);
  const name = `serial ${member.id}`;
  member.client.send(order('hold', { name }));
  for (const words of ['one', 'two', 'three']) member.client.send(words);
  await awaitTold(told, 'holding', member.id);
  other.client.send('not held');
  expect(await other.client.next()).toBe('not held');
  expect(member.client.messages).toEqual([]);
  release(name);
  expect(await member.client.nextJson()).toEqual({ released: name });
  expect([await member.client.next(), await member.client.next()]).toEqual(['one', 'two']);
  expect(await member.client.next()).toBe('three');
});

test('a client stays with its worker, and clients are spread evenly over the workers', async () => {
  const members = await row.openBoth(8);
  const counts = [0, 1].map((worker) => members.filter((one) => one.worker === worker).length);
  // Each gateway counts its own clients, and had at most one more of one worker than of the other.
  for (const count of counts) expect(count).toBeGreaterThanOrEqual(2);
  for (const { client, id, pid } of members) {
    for (let round = 0; round < 5; round += 1) client.send(`round ${round}`);
    await eventually(() => client.messages.length === 5);
    const pids = told.filter((one) => one.clientId === id).map((one) => one.pid);
    expect(new Set(pids)).toEqual(new Set([pid]));
  }
  for (const { client } of members) client.terminate();
});

test('a session is kept for the next event, and undefined until it is set', async () => {
  for (const member of await row.openBoth(2)) {
    expect(await ask(member, 'describe')).not.toHaveProperty('session');
    await ask(member, 'session', { set: { from: 'ctx' } });
    expect(await ask(member, 'read')).toEqual({ from: 'ctx' });
    expect(await api.getSession(member.id)).toEqual({ from: 'ctx' });
    api.updateSession(member.id, { more: 1 });
    expect(await api.getSession(member.id)).toEqual({ from: 'ctx', more: 1 });
    expect(await ask(member, 'read')).toEqual({ from: 'ctx', more: 1 });
    api.setSession(member.id, { instead: true });
    expect(await api.getSession(member.id)).toEqual({ instead: true });
    expect(await ask(member, 'read')).toEqual({ instead: true });
  }
});

test('processes that change different keys of one session at a time lose nothing', async () => {
  const member = await row.open('/?session={"start":1}');
  const elsewhere = await row.callInside(1 - member.worker);
  const hold = `session ${member.id}`;
  member.client.send(order('session', { set: { own: 1 }, hold }));
  await awaitTold(told, 'holding', member.id);
  api.updateSession(member.id, { outside: 1 });
  await elsewhere.run(['updateSession', member.id, { otherWorker: 1 }]);
  // What the callback wrote is stored when it settles.
  expect(await api.getSession(member.id)).toEqual({ start: 1, outside: 1, otherWorker: 1 });
  release(hold);
  await member.client.next();
  const whole = { start: 1, outside: 1, otherWorker: 1, own: 1 };
  expect(await ask(member, 'read')).toEqual(whole);
  expect(await api.getSession(member.id)).toEqual(whole);
});

test('a killed gateway: each of its clients has its end once, and no id of it is given again', async () => {
  const [gateway] = await row.processes('gateway', 'row-websocket');
  // The observer is a client of one of the two: this one watches from the other gateway of websockets.
  const watch = new WebSocket(`ws://127.0.0.1:${row.ports[heartbeat]}/?uid=observer`);
  onTestFinished(() => watch.terminate());
  const seen: Told[] = [];
  watch.on('message', (data: Buffer) => seen.push(JSON.parse(data.toString())));
  await eventually(() => seen.length > 0);
  const members = await row.openBoth(4, (index) => `/?uid=lost${index}&session={"n":${index}}`);
  process.kill(gateway?.pid ?? 0, 'SIGKILL');
  const lost = await eventually(() => {
    const gone = members.filter(({ client }) => !client.isOpen);
    return gone.length === 2 && gone;
  });
  expect(new Set(lost.map((one) => one.gateway)).size).toBe(1);
  for (const member of lost) {
    expect(await awaitTold(seen, 'onClose', member.id)).toMatchObject({
      closed: { by: 'gateway-lost' },
      session: { n: members.indexOf(member) },
      uid: `lost${members.indexOf(member)}`,
      pid: member.pid,
    });
  }
  const survivors = members.filter((one) => !lost.includes(one));
  for (const { client } of survivors) {
    client.send('still here');
    expect(await client.next()).toBe('still here');
  }
  // Once it is back, its clients have new ids, and those of before reach nobody.
  await eventually(async () => {
    const states = (await row.processes('gateway')).map((one) => one['state']);
    return states.every((state) => state === 'ready');
  });
  const newcomers = await eventually(async () => {
    const pair = await row.openBoth(2);
    return pair.every(({ gateway: one }) => lost[0]?.gateway !== one) && pair;
  });
  for (const { id } of lost) {
    api.sendToClient(id, 'for the dead');
    expect(await api.isOnline(id)).toBe(false);
  }
  for (const { client } of [...newcomers, ...survivors]) {
    client.send('fence');
    expect(await client.next()).toBe('fence');
  }
  for (const { id } of lost) {
    const ends = seen.filter(({ event, clientId }) => event === 'onClose' && clientId === id);
    expect(ends).toHaveLength(1);
  }
});

/** A cluster of its own, for what ends workers. */
async function startOwn(): Promise<{ own: EveryRow; seen: Told[] }> {
  const own = await startEveryRow([{ scheme: 'websocket', name: 'row-websocket' }]);
  onTestFinished(() => own.dispose());
  return { own, seen: await own.observe() };
}

test('without a worker clients stay, their events are held in order, and new clients get 503', async () => {
  const { own, seen } = await startOwn();
  const members = await own.openBoth(4, () => '/?session={"kept":true}');
  await writeFile(own.holdFile, '');
  for (const { pid } of await own.processes('business-worker')) process.kill(pid, 'SIGKILL');
  // From here on both gateways know that no worker is there.
  await eventually(async () => {
    for (let round = 0; round < 2; round += 1) {
      const refused = await requestRefusedHandshake(own.ports[0] ?? 0);
      expect(refused.status).toBe(503);
      expect(refused.headers['retry-after']).toBeDefined();
    }
    return true;
  });
  const words = ['one', 'two', 'three'];
  for (const { client } of members) for (const word of words) client.send(word);
  // The new workers can send and ask as soon as onWorkerStart runs, but have no clients yet.
  const starts = await eventually(() => {
    const all = seen.filter(({ event }) => event === 'onWorkerStart');
    return all.length === 2 && all;
  });
  expect(starts.map(({ worker }) => worker).toSorted()).toEqual([0, 1]);
  expect(starts.map((one) => one['count'])).toEqual([5, 5]);
  expect((await requestRefusedHandshake(own.ports[0] ?? 0)).status).toBe(503);
  expect(members.map(({ client }) => client.messages.length)).toEqual([0, 0, 0, 0]);
  await rm(own.holdFile);
  for (const member of members) {
    for (const word of words) expect(await member.client.next()).toBe(word);
    expect(await ask(member, 'read')).toEqual({ kept: true });
  }
  expect(members.every(({ client }) => client.isOpen)).toBe(true);
});

test('onWorkerStop runs once in each worker process that is stopped, and can still send', async () => {
  const { own, seen } = await startOwn();
  const members = await own.openBoth(4);
  const [worker] = await own.processes('business-worker');
  process.kill(worker?.pid ?? 0, 'SIGTERM');
  const stop = await awaitTold(seen, 'onWorkerStop');
  expect(stop).toMatchObject({ pid: worker?.pid, worker: worker?.id, name: 'row-worker' });
  const start = await awaitTold(seen, 'onWorkerStart');
  expect(start.worker).toBe(worker?.id);
  expect(start.pid).not.toBe(worker?.pid);
  for (const { client } of members) {
    client.send('after the stop');
    expect(await client.next()).toBe('after the stop');
  }
  expect(await own.cluster.stop()).toBe(0);
  const stops = await logged(own, 'row worker stops');
  expect(stops.map(({ number }) => number).toSorted()).toEqual(
    worker?.id === 0 ? [0, 0, 1] : [0, 1, 1],
  );
  for (const { client } of members) expect((await client.ended).code).toBe(1001);
});
