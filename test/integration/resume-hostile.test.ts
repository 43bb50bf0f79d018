import { randomBytes } from 'node:crypto';
import {
  type ClientFrame,
  encodeClientFrame,
  MAX_RESUME_SOURCES,
  type Resume,
} from '@gatewayworker/client-protocol';
import {
  eventually,
  fromHex,
  malformedClientFrames,
  type Roles,
  type RolesOptions,
} from '@gatewayworker/testing';
import { describe, expect, test } from 'vitest';
import { ResumableClient } from './resumable-client.ts';
import { gate, roles } from './roles.ts';
import { frame, goodHandshake, Opcode, openRaw } from './websocket-frames.ts';

/** A cluster, the port of each gateway, and a client that must not be affected by anything. */
interface Stage {
  readonly cluster: Roles;
  readonly ports: readonly number[];
  readonly port: number;
  readonly events: string[];
  /** Fails if the bystander or a link has been affected. */
  readonly check: () => Promise<void>;
}

/** Starts a cluster that echoes messages, and a client that must not be affected. */
async function start(options: Partial<RolesOptions> = {}): Promise<Stage> {
  const events: string[] = [];
  const cluster = await roles({
    events: {
      onConnect: (id) => void events.push(`connect ${id}`),
      onMessage: (_id, message, ctx) => void ctx.send(`echo ${message}`),
      onRequest: (_id, _type, data) => data,
      onDrop: (id) => void events.push(`drop ${id}`),
      onResume: (id) => void events.push(`resume ${id}`),
      onClose: (id, ctx) => void events.push(`close ${id} ${ctx.closed?.by}`),
    },
    ...options,
  });
  const ports = cluster.gateways.map(({ port }) => port);
  const [port = 0] = ports;
  const bystander = await ResumableClient.open(port);
  const { clientId } = bystander.welcome;
  const check = async (): Promise<void> => {
    const before = bystander.texts.length;
    bystander.send('still here');
    await eventually(() => bystander.texts.length > before);
    expect(bystander.texts.at(-1)).toBe('echo still here');
    expect(bystander.gaps).toEqual([]);
    expect(events.filter((event) => event.includes(clientId))).toEqual([`connect ${clientId}`]);
    // No link ended, no callback failed.
    const lines = cluster.log.filter(({ level }) => Number(level) >= 40);
    expect(lines.map(({ msg, point }) => [msg, point])).toEqual([]);
  };
  return { cluster, ports, port, events, check };
}

/** Opens a connection and sends a Hello; resolves after the answer, or the end of the connection. */
async function hello(port: number, given: Partial<Resume> = {}): Promise<ResumableClient> {
  const client = await ResumableClient.connect(port);
  const resume = { clientId: 'A'.repeat(20), secret: randomBytes(16), positions: new Map() };
  client.sendFrame({ op: 'hello', resume: { ...resume, ...given } });
  await eventually(() => client.socket.messages.length > 0 || !client.socket.isOpen);
  return client;
}

/** Sends frames before anything else is read: a client that does not wait for the Welcome. */
async function pipeline(port: number, frames: readonly ClientFrame[]): Promise<ResumableClient> {
  const client = await ResumableClient.connect(port);
  for (const one of frames) client.sendFrame(one);
  return client;
}

function send(number: number, text: string): ClientFrame {
  return { op: 'send', number, isBinary: false, payload: Buffer.from(text) };
}

describe('secrets', () => {
  test('hostile: a forged secret starts a new session, the owner stays', async () => {
    const { ports, check } = await start({ gateways: 2 });
    const owner = await ResumableClient.open(ports[0] ?? 0);
    const { secret } = owner.claim;
    const forged: readonly Uint8Array[] = [
      randomBytes(16),
      new Uint8Array(0),
      secret.subarray(0, 15),
      Buffer.concat([secret, Buffer.of(0)]),
      randomBytes(100_000),
    ];
    for (const port of ports) {
      for (const one of forged) {
        const thief = await hello(port, { ...owner.claim, secret: one });
        expect(thief.welcome).toMatchObject({ isResumed: false, reason: 'secret' });
        expect(thief.welcome.clientId).not.toBe(owner.welcome.clientId);
      }
    }
    owner.send('mine');
    await eventually(() => owner.texts.includes('echo mine'));
    await check();
  });

  test('hostile: a used secret is valid until the client has sent a frame', async () => {
    const { port, check } = await start();
    const client = await ResumableClient.open(port);
    const { claim } = client;
    // The Welcome may be lost any number of times.
    for (let count = 0; count < 5; count += 1) {
      const again = await hello(port, claim);
      expect(again.welcome.isResumed).toBe(true);
    }
    const last = await hello(port, claim);
    last.send('received');
    await eventually(() => last.texts.length > 0);
    const late = await hello(port, claim);
    expect(late.welcome).toMatchObject({ isResumed: false, reason: 'secret' });
    expect(last.socket.isOpen).toBe(true);
    await check();
  });

  test('hostile: a used secret is refused at other gateways too', async () => {
    const { ports, check } = await start({ gateways: 2 });
    const client = await ResumableClient.open(ports[0] ?? 0);
    const back = await ResumableClient.resume(ports[1] ?? 0, client);
    back.send('received');
    await eventually(() => back.texts.length > 0);
    for (const port of ports) {
      const late = await hello(port, client.claim);
      expect(late.welcome).toMatchObject({ isResumed: false, reason: 'secret' });
    }
    expect(back.socket.isOpen).toBe(true);
    await check();
  });

  test('hostile: a stolen secret takes over once, and the owner notices', async () => {
    const { port, check } = await start();
    const owner = await ResumableClient.open(port);
    const thief = await hello(port, owner.claim);
    expect(thief.welcome.isResumed).toBe(true);
    expect(await owner.socket.ended).toMatchObject({ code: 4412 });
    thief.send('I am the owner');
    await eventually(() => thief.texts.length > 0);
    const back = await ResumableClient.resume(port, owner);
    expect(back.welcome).toMatchObject({ isResumed: false, reason: 'secret' });
    await check();
  });

  test('hostile: an id that is no client id starts a new session', async () => {
    const { ports, check } = await start({ gateways: 2, workers: 2 });
    const ids = ['', 'A', 'A'.repeat(19), 'A'.repeat(1000), '\u{1f600}'.repeat(5), '€'.repeat(600)];
    for (const clientId of [...ids, 'A'.repeat(100_000)]) {
      const client = await hello(ports[0] ?? 0, { clientId });
      expect(client.welcome).toMatchObject({ isResumed: false, reason: 'unknown' });
    }
    await check();
  });
});

describe('positions', () => {
  test('hostile: positions above the top get no message twice, and affect no other', async () => {
    const { cluster, port, check } = await start();
    const api = await cluster.gatewayClient();
    const client = await ResumableClient.open(port);
    api.sendToClient(client.welcome.clientId, 'one');
    await eventually(() => client.texts.length === 1);
    const [source = 0] = [...client.positions].find(([, offset]) => offset === 1) ?? [];
    client.drop();
    await eventually(async () => !(await api.isOnline(client.welcome.clientId)));
    api.sendToClient(client.welcome.clientId, 'missed');
    const back = await ResumableClient.connect(port);
    const positions = new Map([[source, Number.MAX_SAFE_INTEGER]]);
    back.sendFrame({ op: 'hello', resume: { ...client.claim, positions } });
    await eventually(() => back.socket.messages.length > 0);
    api.sendToClient(client.welcome.clientId, 'live');
    await eventually(() => back.texts.includes('live'));
    expect([back.welcome.isResumed, back.texts, back.repeated]).toEqual([true, ['live'], 0]);
    await check();
  });

  test('hostile: each unknown source is a gap', async () => {
    const { port, check } = await start();
    const client = await ResumableClient.open(port);
    const positions = new Map(client.positions);
    while (positions.size < MAX_RESUME_SOURCES) positions.set(1000 + positions.size, 7);
    const back = await ResumableClient.connect(port);
    back.sendFrame({ op: 'hello', resume: { ...client.claim, positions } });
    const unknown = MAX_RESUME_SOURCES - client.positions.size;
    await eventually(() => back.gaps.length === unknown);
    back.send('here');
    await eventually(() => back.texts.includes('echo here'));
    expect(new Set(back.gaps.map(({ reason }) => reason))).toEqual(new Set(['source-ended']));
    expect(back.gaps).toHaveLength(unknown);
    await check();
  });

  test('hostile: a position of 0 gets everything once', async () => {
    const { cluster, port, check } = await start();
    const api = await cluster.gatewayClient();
    const client = await ResumableClient.open(port);
    const { clientId } = client.welcome;
    for (let count = 0; count < 20; count += 1) api.sendToClient(clientId, `${count}`);
    await eventually(() => client.texts.length === 20);
    const positions = new Map(Array.from(client.positions, ([source]) => [source, 0]));
    const back = await ResumableClient.connect(port);
    back.sendFrame({ op: 'hello', resume: { ...client.claim, positions } });
    await eventually(() => back.texts.length === 20);
    expect([back.texts, back.repeated]).toEqual([client.texts, 0]);
    await check();
  });
});

describe('Hello', () => {
  test('hostile: a Hello that never comes closes with 4408', async () => {
    const { cluster, port, check } = await start({ gatewayOptions: { handshakeTimeoutMs: 300 } });
    const silent = await ResumableClient.connect(port);
    expect(await silent.socket.ended).toEqual({ code: 4408, reason: 'no Hello' });
    expect(cluster.gateways[0]?.status().limits['handshakeTimeout']).toBe(1);
    await check();
  });

  test('hostile: a second Hello closes with 1002', async () => {
    const { port, check } = await start();
    const client = await ResumableClient.open(port);
    client.sendFrame({ op: 'hello' });
    expect(await client.socket.ended).toEqual({ code: 1002, reason: 'a second Hello' });
    const eager = await pipeline(port, [{ op: 'hello' }, { op: 'hello' }]);
    expect((await eager.socket.ended).code).toBe(1002);
    await check();
  });

  test('hostile: a frame before the decision of the application closes with 1002', async () => {
    const { opened, open } = gate();
    const messages: unknown[] = [];
    let asked = 0;
    const { port, cluster } = await start({
      events: {
        onMessage: (_id, message) => void messages.push(message),
        onResume: async () => {
          asked += 1;
          await opened;
          return false;
        },
      },
    });
    const client = await ResumableClient.open(port);
    client.drop();
    const eager = await pipeline(port, [{ op: 'hello', resume: client.claim }]);
    await eventually(() => asked === 1);
    eager.sendFrame(send(1, 'not allowed'));
    const violation = { code: 1002, reason: 'a frame before the Welcome' };
    expect(await eager.socket.ended).toEqual(violation);
    const hasty = await pipeline(port, [{ op: 'hello' }, send(1, 'too early')]);
    expect(await hasty.socket.ended).toEqual(violation);
    open();
    await eventually(() => cluster.gateways[0]?.status().tables['clients'] === 1);
    expect(messages).toEqual([]);
  });

  test('hostile: a client that onResume refuses gets nothing, though it stays', async () => {
    const { cluster, port } = await start({
      events: { onMessage: () => undefined, onResume: () => false },
    });
    const api = await cluster.gatewayClient();
    const client = await ResumableClient.open(port);
    const { clientId } = client.welcome;
    client.drop();
    await eventually(async () => !(await api.isOnline(clientId)));
    api.sendToClient(clientId, 'a secret');
    // This websocket ignores the close frame.
    const raw = await openRaw(
      port,
      goodHandshake.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: gatewayworker.1\r\n\r\n'),
    );
    await raw.send(frame(Opcode.Binary, encodeClientFrame({ op: 'hello', resume: client.claim })));
    await eventually(() => raw.frames.includes('close 4452'));
    api.sendToClient(clientId, 'another secret');
    await api.getAllClientIdCount();
    await eventually(() => cluster.gateways[0]?.status().tables['clients'] !== undefined);
    expect(raw.frames).toEqual(['close 4452']);
  });
});

describe('two connections for one session', () => {
  /** The live clients of a session among some that tried to resume it. */
  async function settle(stage: Stage, tries: ResumableClient[], clientId: string) {
    await eventually(() =>
      tries.every(({ socket }) => socket.messages.length > 0 || !socket.isOpen),
    );
    const resumed = tries.filter((one) => one.hasWelcome && one.welcome.clientId === clientId);
    await eventually(() => resumed.filter(({ socket }) => socket.isOpen).length <= 1);
    const api = await stage.cluster.gatewayClient();
    const live = resumed.filter(({ socket }) => socket.isOpen);
    const before = live.map(({ texts }) => texts.length);
    api.sendToClient(clientId, 'for one');
    await eventually(() => live.every(({ texts }, index) => texts.length > (before[index] ?? 0)));
    await api.close();
    return { resumed, live };
  }

  test.each([
    ['of one gateway', [0, 0]],
    ['of two gateways', [0, 1]],
    ['of another gateway', [1, 1]],
    ['of two other gateways', [1, 2]],
  ])('hostile: two claims at the same moment, %s: one stays', async (_, [left = 0, right = 0]) => {
    const stage = await start({ gateways: 3, workers: 2 });
    const { ports } = stage;
    for (let round = 0; round < 6; round += 1) {
      const client = await ResumableClient.open(ports[0] ?? 0);
      const { clientId } = client.welcome;
      // Both connections are open before either claims.
      const tabs = await Promise.all(
        [left, right].map((index) => ResumableClient.connect(ports[index] ?? 0)),
      );
      for (const tab of tabs) tab.sendFrame({ op: 'hello', resume: client.claim });
      const { resumed, live } = await settle(stage, tabs, clientId);
      expect(live).toHaveLength(1);
      for (const one of [client, ...tabs]) {
        if (live.includes(one)) continue;
        // Another session, or none.
        if (one.socket.isOpen) expect(one.welcome).toMatchObject({ isResumed: false });
        else expect((await one.socket.ended).code).toBe(4412);
      }
      expect(resumed).toContain(live[0]);
      for (const tab of tabs) tab.sendFrame({ op: 'bye' });
    }
    await stage.check();
  });

  test('hostile: with tokens, the claim that is decided last does not undo the first', async () => {
    const decisions: (() => void)[] = [];
    let isSlow = false;
    const { cluster, port } = await start({
      events: {
        onHandshake: async ({ token }) => {
          if (isSlow) await new Promise<void>((resolve) => decisions.push(resolve));
          return { accept: true, uid: token ?? 'bystander' };
        },
        onMessage: (_id, message, ctx) => void ctx.send(`echo ${message}`),
      },
    });
    const client = await ResumableClient.open(port, 'tom');
    isSlow = true;
    const tabs = [await ResumableClient.connect(port), await ResumableClient.connect(port)];
    for (const tab of tabs) tab.sendFrame({ op: 'hello', token: 'tom', resume: client.claim });
    await eventually(() => decisions.length === 2);
    const [first, second] = tabs as [ResumableClient, ResumableClient];
    decisions[0]?.();
    await eventually(() => first.hasWelcome);
    first.send('mine');
    await eventually(() => first.handled === 1);
    decisions[1]?.();
    await eventually(() => second.hasWelcome || !second.socket.isOpen);
    expect(second.welcome).toMatchObject({ isResumed: false, reason: 'secret' });
    expect(first.socket.isOpen).toBe(true);
    expect(cluster.gateways[0]?.status().tables['clients']).toBe(3);
  });

  test('hostile: a session that ends while its token is decided is not resumed', async () => {
    const decisions: (() => void)[] = [];
    let isSlow = false;
    const { cluster, port, ports } = await start({
      gateways: 2,
      events: {
        onHandshake: async ({ token }) => {
          if (isSlow) await new Promise<void>((resolve) => decisions.push(resolve));
          return { accept: true, uid: token ?? 'bystander' };
        },
        onMessage: () => undefined,
      },
    });
    const api = await cluster.gatewayClient();
    const client = await ResumableClient.open(port, 'tom');
    const other = await ResumableClient.open(port, 'eve');
    const moved = await ResumableClient.resume(ports[1] ?? 0, other, undefined);
    expect(moved.welcome.isResumed).toBe(true);
    isSlow = true;
    const tab = await ResumableClient.connect(port);
    tab.sendFrame({ op: 'hello', token: 'tom', resume: client.claim });
    await eventually(() => decisions.length === 1);
    api.closeClient(client.welcome.clientId);
    expect((await client.socket.ended).code).toBe(1000);
    decisions[0]?.();
    await eventually(() => tab.hasWelcome || !tab.socket.isOpen);
    expect(tab.welcome).toMatchObject({ isResumed: false, reason: 'unknown' });
    tab.drop();
    await eventually(async () => (await api.getAllClientIdCount()) === 2);
  });
});

describe('silence', () => {
  test('hostile: a client that answers no Ping is dropped, and its window ends', async () => {
    const { cluster, port, events } = await start({
      gatewayOptions: { pingInterval: 0.1, pingNotResponseLimit: 2, resume: { windowMs: 1000 } },
    });
    const client = await ResumableClient.connect(port);
    client.isDeaf = true;
    client.sendFrame({ op: 'hello' });
    await eventually(() => client.hasWelcome);
    const { clientId } = client.welcome;
    expect((await client.socket.ended).code).toBe(1006);
    await eventually(() => events.includes(`close ${clientId} expired`));
    expect(events.filter((event) => event.includes(clientId))).toEqual([
      `connect ${clientId}`,
      `drop ${clientId}`,
      `close ${clientId} expired`,
    ]);
    expect(client.pings).toBeGreaterThan(0);
    expect(cluster.gateways[0]?.status().limits['heartbeat']).toBe(1);
  });

  test('hostile: Pongs of a client that does not read do not fill the gateway', async () => {
    const { cluster, port, check } = await start();
    const api = await Promise.all(Array.from({ length: 50 }, () => cluster.gatewayClient()));
    const client = await ResumableClient.open(port);
    client.isDeaf = true;
    client.socket.pause();
    const pong = encodeClientFrame({ op: 'pong' });
    // Each second Pong is answered by a Ping with 51 positions.
    let pending = 0;
    for (let batch = 0; batch < 80; batch += 1) {
      for (let count = 0; count < 500; count += 1) client.socket.send(pong);
      await api[0]?.getAllClientIdCount();
      const rows = [...(cluster.gateways[0]?.connections() ?? [])].flat();
      const row = rows.find(({ clientId }) => clientId === client.welcome.clientId);
      pending = Math.max(pending, row?.pendingBytes ?? 0);
    }
    // The bound, and one Ping.
    expect(pending).toBeGreaterThan(0);
    expect(pending).toBeLessThan(70_000);
    await check();
  });
});

describe('limits', () => {
  test('hostile: of 1,000 parked clients maxParked stay, and all tables empty', async () => {
    const { cluster, port, events } = await start({
      gatewayOptions: { resume: { windowMs: 2000, maxParked: 100 } },
    });
    const api = await cluster.gatewayClient();
    const clients: ResumableClient[] = [];
    for (let count = 0; count < 1000; count += 50) {
      const batch = Array.from({ length: 50 }, () => ResumableClient.open(port));
      clients.push(...(await Promise.all(batch)));
    }
    for (const { welcome } of clients) {
      api.bindUid(welcome.clientId, `uid of ${welcome.clientId}`);
      api.joinGroup(welcome.clientId, 'all');
    }
    expect(await api.getClientIdCountByGroup('all')).toBe(1000);
    for (const client of clients) client.drop();
    await eventually(() => cluster.gateways[0]?.status().tables['clients'] === 101);
    expect(await api.getAllClientIdCount()).toBe(1);
    expect(await api.getClientIdCountByGroup('all')).toBe(0);
    await eventually(() => cluster.gateways[0]?.status().tables['clients'] === 1);
    const { clients: size, uids, groups } = cluster.gateways[0]?.status().tables ?? {};
    expect({ size, uids, groups }).toEqual({ size: 1, uids: 0, groups: 0 });
    expect(await api.getAllClientIdCount()).toBe(1);
    await eventually(() => events.filter((event) => event.startsWith('close')).length === 1000);
    expect(events.filter((event) => event.endsWith(' expired'))).toHaveLength(1000);
  });

  test('hostile: with maxParked 0 every lost connection ends its session', async () => {
    const { cluster, port, events, check } = await start({
      gatewayOptions: { resume: { maxParked: 0 } },
    });
    const api = await cluster.gatewayClient();
    const client = await ResumableClient.open(port);
    const { clientId } = client.welcome;
    client.drop();
    await eventually(() => events.includes(`close ${clientId} expired`));
    expect(await api.getAllClientIdCount()).toBe(1);
    const back = await ResumableClient.resume(port, client);
    expect(back.welcome).toMatchObject({ isResumed: false, reason: 'unknown' });
    await check();
  });

  test('hostile: a message longer than the limit ends the session with 1009', async () => {
    const { port, events, check } = await start({ gatewayOptions: { maxMessageBytes: 1000 } });
    const client = await ResumableClient.open(port);
    expect(client.welcome.maxBytes).toBe(1000);
    client.send('x'.repeat(1001));
    expect((await client.socket.ended).code).toBe(1009);
    await eventually(() => events.includes(`close ${client.welcome.clientId} protocol`));
    await check();
  });

  test('hostile: more messages than the rate end the session with 1008', async () => {
    const { port, events } = await start({ gatewayOptions: { maxMessagesPerSecond: 20 } });
    const client = await ResumableClient.open(port);
    for (let count = 0; count < 200; count += 1) {
      if (count % 2 === 0) client.send('flood');
      else client.request('flood', count);
    }
    expect(await client.socket.ended).toEqual({ code: 1008, reason: 'too many messages' });
    await eventually(() => events.includes(`close ${client.welcome.clientId} protocol`));
  });

  test('hostile: a type of more than 65,535 bytes is refused', async () => {
    const { cluster, port, check } = await start();
    const client = await ResumableClient.open(port);
    client.request('t'.repeat(65_536), 1);
    expect(await client.socket.ended).toMatchObject({ code: 1002 });
    await check();
    expect(cluster.gateways[0]?.status().inFlight).toBe(0);
  });
});

describe('frames', () => {
  test('hostile: numbers that repeat are handled once, those that jump are taken', async () => {
    const { port, check } = await start();
    const client = await ResumableClient.open(port);
    const numbers = [1, 1, 2, 1, 2, 9, 3, 9, Number.MAX_SAFE_INTEGER, 10, 1];
    for (const number of numbers) client.sendFrame(send(number, `${number}`));
    await eventually(() => client.handled === Number.MAX_SAFE_INTEGER);
    const taken = ['1', '2', '9', `${Number.MAX_SAFE_INTEGER}`];
    expect(client.texts).toEqual(taken.map((text) => `echo ${text}`));
    await check();
  });

  test('hostile: text frames close with 1002, before and after the Hello', async () => {
    const { port, events, check } = await start();
    const early = await ResumableClient.connect(port);
    early.socket.send('hello');
    expect(await early.socket.ended).toEqual({ code: 1002, reason: 'a frame is text' });
    const client = await ResumableClient.open(port);
    client.socket.send('hello');
    expect(await client.socket.ended).toEqual({ code: 1002, reason: 'a frame is text' });
    await eventually(() => events.includes(`close ${client.welcome.clientId} protocol`));
    await check();
  });

  test.each(['send', 'request'] as const)(
    'hostile: a %s of no UTF-8 closes with 1002',
    async (op) => {
      const { port, check } = await start();
      const client = await ResumableClient.open(port);
      const payload = Buffer.of(0xff);
      client.sendFrame({ op, number: 1, isBinary: false, type: 't', payload });
      expect(await client.socket.ended).toEqual({ code: 1002, reason: 'a text is not UTF-8' });
      await check();
    },
  );

  test('hostile: a first frame that is no Hello closes with 1002', async () => {
    const { port, check } = await start();
    for (const first of [send(1, 'x'), { op: 'pong' }, { op: 'bye' }] satisfies ClientFrame[]) {
      const client = await pipeline(port, [first]);
      expect(await client.socket.ended).toEqual({
        code: 1002,
        reason: 'the first frame is no Hello',
      });
    }
    await check();
  });

  test('hostile: every malformed frame closes with 1002 and a reason', async () => {
    const { cluster, port, events, check } = await start();
    const ids: string[] = [];
    for (const [what, hex] of malformedClientFrames) {
      const early = await ResumableClient.connect(port);
      early.socket.send(fromHex(hex));
      expect([what, await early.socket.ended]).toEqual([
        what,
        { code: 1002, reason: expect.stringMatching(/./) },
      ]);
      const client = await ResumableClient.open(port);
      ids.push(client.welcome.clientId);
      client.socket.send(fromHex(hex));
      expect([what, await client.socket.ended]).toEqual([
        what,
        { code: 1002, reason: expect.stringMatching(/./) },
      ]);
    }
    await eventually(() => ids.every((id) => events.includes(`close ${id} protocol`)));
    expect(cluster.gateways[0]?.status().tables['clients']).toBe(1);
    await check();
  });
});
