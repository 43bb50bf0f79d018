import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  eventually,
  openClient,
  openTcpPeer,
  requestRefusedHandshake,
  runCommand,
  TestClient,
} from '@gatewayworker/testing';
import type { GatewayClient } from 'gatewayworker';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import {
  awaitTold,
  type EveryRow,
  type GatewayPlan,
  type Member,
  startEveryRow,
  type Told,
} from './fixtures/every-row/every-row.ts';

/** One gateway for each group of options that can be seen apart from each other. */
const plans: readonly GatewayPlan[] = [
  {
    scheme: 'websocket',
    name: 'small',
    maxMessageBytes: 5000,
    handshakeTimeoutMs: 1000,
    maxMessagesPerSecond: 20,
  },
  {
    scheme: 'websocket',
    name: 'closes',
    count: 1,
    sendToClientBufferSize: 500_000,
    maxEventsInFlight: 8,
    router: 'roundRobin',
  },
  {
    scheme: 'websocket',
    name: 'drops',
    count: 1,
    sendToClientBufferSize: 500_000,
    slowConsumer: 'drop',
    router: 'byQuery',
  },
  {
    scheme: 'websocket',
    name: 'heavy',
    count: 1,
    maxEventBytesInFlight: 100_000,
    maxEventBytesInFlightPerWorker: 200_000,
  },
  { scheme: 'websocket', name: 'few', maxConnections: 2 },
  {
    scheme: 'websocket',
    name: 'one-each',
    count: 1,
    maxConnectionsPerIp: 1,
    trustProxy: ['127.0.0.1'],
    allowedOrigins: ['https://example.com'],
  },
  { scheme: 'websocket', name: 'beats', count: 1, pingInterval: 0.2, pingNotResponseLimit: 2 },
  { scheme: 'text', name: 'text-beats', count: 1, pingInterval: 0.2, pingData: 'are you there' },
  {
    scheme: 'websocket',
    name: 'patient',
    count: 1,
    pingInterval: 0.05,
    pingNotResponseLimit: 0,
    pingData: 'ping',
  },
  {
    scheme: 'websocket',
    name: 'narrow',
    count: 1,
    sendToWorkerBufferSize: 65_536,
    maxHeldBytes: 65_536,
    maxEventsInFlight: 65_536,
    maxEventBytesInFlight: 1_073_741_824,
    maxEventBytesInFlightPerWorker: 1_073_741_824,
    router: 'random',
  },
  { scheme: 'websocket', name: 'impatient', count: 1, maxHeldMs: 500 },
  { scheme: 'websocket', name: 'routed', routes: { '/row': 'row-worker', '/gone': 'nobody' } },
];

let row: EveryRow;
let told: Told[];
let api: GatewayClient;

beforeAll(async () => {
  row = await startEveryRow(plans);
  told = await row.observe();
  api = await row.connectApi();
});

afterAll(() => row?.dispose());

function indexOf(name: string): number {
  return plans.findIndex((plan) => plan.name === name);
}

function portOf(name: string): number {
  return row.ports[indexOf(name)] ?? 0;
}

async function open(name: string, path = '/', headers = {}): Promise<Member> {
  const member = await row.open(path, { headers }, indexOf(name));
  onTestFinished(() => member.client.terminate());
  return member;
}

/** A websocket that does not answer pings, after its greeting. */
async function openMute(name: string): Promise<{ websocket: WebSocket; client: TestClient }> {
  const websocket = new WebSocket(`ws://127.0.0.1:${portOf(name)}/`, { autoPong: false });
  const client = new TestClient(websocket);
  onTestFinished(() => client.terminate());
  // A ping that is a message may come before it.
  await eventually(() => client.messages.some((message) => String(message).startsWith('{')));
  client.messages.length = 0;
  return { websocket, client };
}

/** How often each limit has taken effect by the end, by gateways, where the tests determine it. */
const expectedLimits: Record<string, Record<string, number>> = {};

function expectLimit(name: string, limit: string, count: number): void {
  expectedLimits[name] = { ...expectedLimits[name], [limit]: count };
}

/** Waits until `status --json` shows that a limit has taken effect. */
async function awaitLimit(name: string, limit: string): Promise<void> {
  await eventually(async () => (await row.limit(name, limit)) > 0);
}

/** Sends many long messages, which the worker tells by their numbers. */
function sendNotes({ client }: Member, count: number, size = 100_000): void {
  const pad = 'x'.repeat(size);
  for (let number = 0; number < count; number += 1) {
    client.send(JSON.stringify({ do: 'note', number, pad }));
  }
}

async function awaitNotes({ id }: Member, count: number): Promise<void> {
  const numbers = () =>
    told.filter((one) => one.event === 'note' && one.clientId === id).map((one) => one['number']);
  await eventually(() => numbers().length >= count, { timeoutMs: 20_000 });
  expect(numbers()).toEqual(Array.from({ length: count }, (_, number) => number));
}

const megabyte = Buffer.alloc(1_000_000, 1);

test('maxMessageBytes: a longer message closes with 1009, at both gateway processes', async () => {
  for (let round = 0; round < 2; round += 1) {
    const { client } = await open('small');
    const longest = 'x'.repeat(5000);
    client.send(longest);
    expect(await client.next()).toBe(longest);
    client.send(`${longest}x`);
    const reason = 'a message is longer than 5000 bytes';
    expect(await client.ended).toEqual({ code: 1009, reason });
  }
  expectLimit('small', 'messageTooBig', 2);
});

test('handshakeTimeoutMs: who does not finish gets 408, who is not decided about gets 503', async () => {
  const peer = await openTcpPeer(portOf('small'));
  peer.send('GET / HTTP/1.1\r\nHost: ');
  const refused = requestRefusedHandshake(portOf('small'), '/?undecided');
  expect(String(await peer.ended)).toMatch(/^HTTP\/1\.1 408 /);
  expect((await refused).status).toBe(503);
  expectLimit('small', 'handshakeTimeout', 2);
});

test('maxMessagesPerSecond: who sends more is closed with 1008, others are not', async () => {
  const [loud, calm] = [await open('small'), await open('small')];
  for (let index = 0; index < 200; index += 1) loud.client.send('x');
  expect(await loud.client.ended).toEqual({ code: 1008, reason: 'too many messages' });
  for (let index = 0; index < 15; index += 1) calm.client.send('y');
  await eventually(() => calm.client.messages.length === 15);
  expectLimit('small', 'messageRate', 1);
});

test('maxEventsInFlight: reading stops while events wait, and nothing is lost', async () => {
  const member = await open('closes');
  const name = `flight ${member.id}`;
  member.client.send(JSON.stringify({ do: 'hold', name }));
  await awaitTold(told, 'holding', member.id);
  sendNotes(member, 300, 10_000);
  await awaitLimit('closes', 'eventsInFlight');
  const [gateway] = await row.processes('gateway', 'closes');
  expect(gateway?.['inFlight']).toBeGreaterThanOrEqual(8);
  // What one read of the socket brought may pass the bound, and no more.
  expect(gateway?.['inFlight']).toBeLessThan(8 + 20);
  for (const { client } of await row.openOnBoth()) {
    client.send(JSON.stringify({ do: 'release', name }));
  }
  await awaitNotes(member, 300);
});

test('maxEventBytesInFlight: reading stops while bytes of events wait', async () => {
  const member = await open('heavy');
  const name = `bytes ${member.id}`;
  member.client.send(JSON.stringify({ do: 'hold', name }));
  await awaitTold(told, 'holding', member.id);
  sendNotes(member, 60, 20_000);
  await awaitLimit('heavy', 'eventBytesInFlight');
  for (const { client } of await row.openOnBoth()) {
    client.send(JSON.stringify({ do: 'release', name }));
  }
  await awaitNotes(member, 60);
});

test('slowConsumer close: who does not read is closed with 1013, others get everything', async () => {
  const [slow, quick] = [await open('closes'), await open('closes')];
  slow.client.pause();
  let rounds = 0;
  await eventually(async () => {
    rounds += 1;
    api.sendToAll(megabyte, { only: [slow.id, quick.id] });
    await eventually(() => quick.client.messages.length === rounds);
    return told.some(({ event, clientId }) => event === 'onClose' && clientId === slow.id);
  });
  const end = await awaitTold(told, 'onClose', slow.id);
  expect(end['closed']).toMatchObject({ by: 'overflow', code: 1013 });
  expect(quick.client.isOpen).toBe(true);
  expectLimit('closes', 'slowConsumer', 1);
});

test('slowConsumer drop: who does not read stays, and misses messages', async () => {
  const { client, id } = await open('drops');
  client.pause();
  // More than any buffer of the system's takes.
  for (let index = 0; index < 30; index += 1) {
    api.sendToClient(id, megabyte);
    await api.isOnline(id);
  }
  await awaitLimit('drops', 'slowConsumer');
  client.resume();
  await eventually(() => {
    api.sendToClient(id, 'here again');
    return client.messages.includes('here again');
  });
  expect(client.messages.filter((message) => message !== 'here again').length).toBeLessThan(30);
  expect(client.isOpen).toBe(true);
});

test('maxConnections: one more gets 503, and there is room when one leaves', async () => {
  const members: Member[] = [];
  let refusals = 0;
  // The kernel chooses the process, so one may be full while the other one has room.
  const enter = (): Promise<boolean> =>
    open('few').then(
      (member) => members.push(member) > 0,
      () => {
        refusals += 1;
        return false;
      },
    );
  for (let index = 0; index < 4; index += 1) await eventually(enter);
  expect(new Set(members.map(({ gateway }) => gateway)).size).toBe(2);
  for (let round = 0; round < 2; round += 1) {
    const refused = await requestRefusedHandshake(portOf('few'));
    expect(refused).toMatchObject({ status: 503, body: 'too many connections\n' });
  }
  await members[0]?.client.close();
  await eventually(enter);
  expectLimit('few', 'connections', refusals + 2);
});

const from = (address: string, origin = 'https://example.com') => ({
  'x-forwarded-for': address,
  origin,
});

test('maxConnectionsPerIp: one more of an address gets 429, another address is let in', async () => {
  await open('one-each', '/', from('9.9.9.1'));
  await open('one-each', '/', from('9.9.9.2'));
  const headers = from('9.9.9.1');
  const refused = await requestRefusedHandshake(portOf('one-each'), '/', { headers });
  expect(refused.status).toBe(429);
  expectLimit('one-each', 'connectionsPerIp', 1);
});

test('allowedOrigins: pages of other origins get 403', async () => {
  const headers = from('9.9.9.3', 'https://evil.example');
  const refused = await requestRefusedHandshake(portOf('one-each'), '/', { headers });
  expect(refused.status).toBe(403);
  await open('one-each', '/', from('9.9.9.3'));
  expectLimit('one-each', 'origin', 1);
});

test('pingInterval: who answers pings stays, who is silent is gone, messages are life too', async () => {
  const answers = await openClient(portOf('beats'));
  onTestFinished(() => answers.terminate());
  const talks = await openMute('beats');
  let pings = 0;
  talks.websocket.on('ping', () => {
    pings += 1;
  });
  // Each echo is answered: it talks all the time, but never pongs.
  talks.websocket.on('message', () => setImmediate(() => talks.client.send('alive')));
  talks.client.send('alive');
  const silent = await openMute('beats');
  const opened = performance.now();
  let pinged = 0;
  silent.websocket.on('ping', () => {
    pinged += 1;
  });
  await silent.client.ended;
  // Not before two intervals less the part of one that had passed.
  expect(performance.now() - opened).toBeGreaterThan(190);
  expect(pinged).toBeGreaterThan(0);
  await eventually(() => pings >= 6);
  expect([answers.isOpen, talks.client.isOpen]).toEqual([true, true]);
  expectLimit('beats', 'heartbeat', 1);
});

test('pingData: it is sent as a message of the protocol, and silence ends the client', async () => {
  const peer = await openTcpPeer(portOf('text-beats'));
  onTestFinished(() => peer.destroy());
  await eventually(() => peer.received.includes('}\nare you there\n'));
  await peer.ended;
  expectLimit('text-beats', 'heartbeat', 1);
});

test('pingNotResponseLimit 0: a silent client is pinged and stays', async () => {
  const { client } = await openMute('patient');
  await eventually(() => client.messages.length >= 8);
  expect(new Set(client.messages)).toEqual(new Set(['ping']));
  expect(client.isOpen).toBe(true);
});

test('router: in turns, by a function, and at random', async () => {
  const turns: Member[] = [];
  for (let index = 0; index < 6; index += 1) turns.push(await open('closes'));
  const [first, second] = turns.map(({ worker }) => worker);
  expect(first).not.toBe(second);
  expect(turns.map(({ worker }) => worker)).toEqual([first, second, first, second, first, second]);
  for (const worker of [0, 0, 0, 1]) {
    expect((await open('drops', `/?to=${worker}`)).worker).toBe(worker);
  }
  // By chance it is one of them for twenty in a row once in half a million times.
  const byChance = new Set<number>();
  for (let index = 0; index < 20; index += 1) byChance.add((await open('narrow')).worker);
  expect(byChance.size).toBe(2);
});

test('a session that would grow past 1 MiB stays what it was', async () => {
  const { id } = await open('closes');
  api.updateSession(id, { first: 'f'.repeat(600_000) });
  api.updateSession(id, { second: 's'.repeat(600_000) });
  expect(Object.keys((await api.getSession(id)) ?? {})).toEqual(['first']);
  expectLimit('closes', 'sessionTooLarge', 1);
});

test('sendToWorkerBufferSize: a worker that does not read makes reading stop, and loses nothing', async () => {
  const member = await open('narrow');
  process.kill(member.pid, 'SIGSTOP');
  try {
    sendNotes(member, 200);
    await awaitLimit('narrow', 'workerLinkFull');
  } finally {
    process.kill(member.pid, 'SIGCONT');
  }
  await awaitNotes(member, 200);
});

/** Kills every worker, keeps the next ones from starting, and waits until a gateway has seen that. */
async function killWorkers(gateway: string): Promise<void> {
  await writeFile(row.holdFile, '');
  for (const { pid } of await row.processes('business-worker')) process.kill(pid, 'SIGKILL');
  await eventually(async () => {
    // One that was asked while it died refuses with 503 too, and then another may be there still.
    const refused = await requestRefusedHandshake(portOf(gateway));
    expect(refused).toMatchObject({ status: 503, body: 'no worker is ready\n' });
    return true;
  });
}

test('maxHeldBytes: while no worker is there, what is held is bounded, and nothing is lost', async () => {
  const member = await open('narrow');
  await killWorkers('narrow');
  sendNotes(member, 50);
  await awaitLimit('narrow', 'heldBytes');
  await rm(row.holdFile);
  await awaitNotes(member, 50);
  expect(member.client.isOpen).toBe(true);
});

test('maxHeldMs: while no worker is there, a client whose events wait for too long is closed with 1013', async () => {
  const [talking, idle] = [await open('impatient'), await open('impatient')];
  await killWorkers('impatient');
  sendNotes(talking, 3);
  expect(await talking.client.ended).toEqual({ code: 1013, reason: 'no worker is ready' });
  await rm(row.holdFile);
  expectLimit('impatient', 'heldTime', 1);
  await eventually(() => open('impatient'));
  sendNotes(idle, 5);
  await awaitNotes(idle, 5);
});

test('routes: a path leads to the workers of a name, and one that is in no route to 404', async () => {
  const { client } = await open('routed', '/row/1?uid=somebody');
  expect(client.isOpen).toBe(true);
  const refusals = await Promise.all(
    ['/', '/rows', '/gone'].map((path) => requestRefusedHandshake(portOf('routed'), path)),
  );
  expect(refusals.map(({ status, body }) => [status, body])).toEqual([
    [404, 'no route has this path\n'],
    [404, 'no route has this path\n'],
    [503, 'no worker is ready\n'],
  ]);
  expectLimit('routed', 'unknownPath', 2);
});

test('status shows how often each limit has taken effect, and every one has', async () => {
  const gateways = await row.processes('gateway');
  const sums: Record<string, Record<string, number>> = {};
  const total: Record<string, number> = {};
  for (const { name, limits } of gateways) {
    const ofName: Record<string, number> = sums[name] ?? {};
    sums[name] = ofName;
    for (const [limit, count] of Object.entries(Object(limits))) {
      ofName[limit] = (ofName[limit] ?? 0) + Number(count);
      total[limit] = (total[limit] ?? 0) + Number(count);
    }
  }
  expect(sums).toMatchObject(expectedLimits);
  // These count faults: no descriptor left, a protocol of the application or the gateway itself that throws.
  for (const fault of ['descriptors', 'decodeError', 'encodeError', 'internalError']) {
    expect(total[fault]).toBe(0);
    delete total[fault];
  }
  expect(Object.keys(total)).toHaveLength(16);
  expect(Object.entries(total).filter(([, count]) => count === 0)).toEqual([]);
});

const start = fileURLToPath(new URL('./fixtures/dist/every-row/start.js', import.meta.url));

test('unknown or impossible options stop the start, with the option, its value and what is allowed', async () => {
  const wrong = [
    [{ pingIntervall: 5 }, /pingIntervall/],
    [{ pingInterval: -1 }, /Gateway\.pingInterval is -1; allowed: /],
    [{ maxMessageBytes: '1k' }, /Gateway\.maxMessageBytes is "1k"; allowed: /],
    [{ listen: 'udp://127.0.0.1:1' }, /Gateway\.listen is "udp:.*"; allowed: /],
    [{ routes: { chat: 'w' } }, /Gateway\.routes is "chat"; allowed: /],
    [{ tls: { cert: 'x', key: 'y' } }, /Gateway\.tls/],
  ] as const;
  for (const [options, message] of wrong) {
    const GATEWAYS = JSON.stringify([{ listen: 'websocket://127.0.0.1:1', ...options }]);
    const env = { REGISTER_PORT: '1', GATEWAYS };
    const { exitCode, stderr } = await runCommand(start, ['start'], { env });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('GW_ERR_OPTION_INVALID');
  }
});
