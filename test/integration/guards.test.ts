import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { DialedLink, FlushScheduler, FrameConnection } from '@gatewayworker/core';
import { DialerRole, writeWorkerReady } from '@gatewayworker/protocol';
import {
  captureLogger,
  eventually,
  FaultyGuard,
  makeCertificate,
  openTcpPeer,
  type Roles,
  type RolesOptions,
  type TestClient,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ResumableClient } from './resumable-client.ts';
import { roles } from './roles.ts';
import { frame, goodHandshake, Opcode, openRaw } from './websocket-frames.ts';

/** What an exception is injected into. */
interface Stage {
  readonly cluster: Roles;
  readonly guard: FaultyGuard;
  /** Port of the first gateway. */
  readonly port: number;
  /** Websocket clients that are served before and after. */
  readonly clients: readonly TestClient[];
  /** Ids of all clients, in the order of their connects. */
  readonly ids: readonly string[];
}

/** How a point is reached. */
interface Scenario {
  readonly options?: Partial<RolesOptions>;
  /** Number of websocket clients that are served before and after. @default 3 */
  readonly clients?: number;
  /** How many of these the exception ends, each with 1011. @default 0 */
  readonly ends?: number;
  /** Reaches the point, and waits for the end of its connection or link. */
  readonly reach: (stage: Stage) => Promise<unknown>;
}

/** Sends a message of a client until it is answered: messages in flight over a link that ended are lost. */
async function speak(client: TestClient, text: string): Promise<void> {
  await eventually(async () => {
    client.send(text);
    await eventually(() => client.messages.includes(text), { timeoutMs: 2000 });
    return true;
  });
}

/** One more client, which the exception ends with 1011. */
async function endOf({ cluster }: Stage, act: (client: TestClient) => unknown): Promise<void> {
  const client = await cluster.connect();
  await act(client);
  expect(await client.ended).toEqual({ code: 1011, reason: 'internal error' });
}

/** A connection with the client protocol, which the exception ends with 1011. */
async function endOfResumable(
  port: number,
  act: (client: ResumableClient) => unknown,
): Promise<void> {
  const client = await ResumableClient.connect(port);
  await act(client);
  expect(await client.socket.ended).toEqual({ code: 1011, reason: 'internal error' });
}

/** A plain connection that the exception closes. */
async function closedPeer(port: number, bytes?: string | Uint8Array): Promise<Buffer> {
  const peer = await openTcpPeer(port);
  onTestFinished(() => peer.destroy());
  if (bytes !== undefined) peer.send(bytes);
  return await peer.ended;
}

async function streamEcho(port: number, prefix = ''): Promise<void> {
  const peer = await openTcpPeer(port);
  onTestFinished(() => peer.destroy());
  peer.send(`${prefix}hello\n`);
  await eventually(() => peer.received.toString() === 'hello\n');
}

const innerPort = ({ cluster }: Stage): number => cluster.gateways[0]?.innerPort ?? 0;
const tableSize = ({ cluster }: Stage): unknown => cluster.gateways[0]?.status().tables['clients'];

const oneMore: Scenario = { reach: ({ cluster }) => cluster.startWorker() };
const anyTraffic: Scenario = { reach: ({ clients: [one] }) => speak(one as TestClient, 'traffic') };
const failedHandshake: Scenario = {
  reach: async ({ cluster }) => expect((await cluster.refusedHandshake()).status).toBe(500),
};
const decided: Scenario = {
  options: { events: { ...echoEvents([]), onHandshake: () => ({ accept: true }) } },
  ...failedHandshake,
};
const text = { gatewayOptions: { listen: 'text://127.0.0.1:0' } };
const stream = (bytes?: string): Scenario => ({
  options: text,
  clients: 0,
  reach: async ({ port }) => {
    await closedPeer(port, bytes);
    await streamEcho(port);
  },
});
const proxyHeader = 'PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n';
const behindProxy: Scenario = {
  options: {
    gatewayOptions: { ...text.gatewayOptions, trustProxy: ['127.0.0.1'], proxyProtocol: true },
  },
  clients: 0,
  reach: async ({ port }) => {
    await closedPeer(port, `${proxyHeader}hello\n`);
    await streamEcho(port, proxyHeader);
  },
};

/** A worker without an application, which accepts clients and leaves at once. */
const lostWorker: Scenario = {
  reach: async (stage) => {
    const { cluster, guard } = stage;
    const gateway = cluster.gateways[0];
    const link = new DialedLink({
      address: { host: '127.0.0.1', port: innerPort(stage) },
      identity: { role: DialerRole.Worker, instanceId: 'short-lived', name: 'test-worker', id: 9 },
      secretKey: '',
      scheduler: new FlushScheduler(),
      logger: captureLogger().logger,
      onUp: (connection) =>
        writeWorkerReady(connection.writer(), {
          decidesHandshakes: false,
          decidesResumes: false,
          redelivers: false,
        }),
      onDown: () => undefined,
    });
    onTestFinished(() => link.close());
    await eventually(() => gateway?.workerCount === 2);
    const more: TestClient[] = [];
    for (let count = 0; count < 6; count += 1) more.push(await cluster.connect());
    await link.close();
    await eventually(() => guard.thrown === 1);
    await eventually(() => more.filter(({ isOpen }) => !isOpen).length === 1);
    const open = more.filter(({ isOpen }) => isOpen);
    await Promise.all(open.map((client) => speak(client, 'after the worker')));
  },
};

function echoEvents(ids: string[]): RolesOptions['events'] {
  return {
    onConnect: (id) => void ids.push(id),
    onMessage: (_id, message, ctx) => void ctx.send(message),
  };
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'client accept': { reach: ({ port }) => closedPeer(port) },
  'client request': { reach: ({ port }) => closedPeer(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n') },
  'client upgrade': failedHandshake,
  'client decision': failedHandshake,
  'client handshake timeout': {
    options: { gatewayOptions: { handshakeTimeoutMs: 200 } },
    reach: ({ port }) => closedPeer(port),
  },
  'worker decision': decided,
  'onHandshake decision': decided,
  'websocket data': { reach: (stage) => endOf(stage, (client) => client.send('x')) },
  'websocket socket close': {
    reach: async (stage) => {
      const raw = await openRaw(stage.port);
      await eventually(() => tableSize(stage) === 4);
      raw.destroy();
      await eventually(() => tableSize(stage) === 3);
    },
  },
  'websocket message': { reach: (stage) => endOf(stage, (client) => client.send('x')) },
  'websocket ping': {
    reach: (stage) => endOf(stage, (client) => void client.ping().catch(() => undefined)),
  },
  'websocket error': {
    reach: async ({ port }) => {
      const raw = await openRaw(port);
      await raw.send(frame(Opcode.Text, 'x', { reserved: 7 }));
      await eventually(() => raw.isEnded);
    },
  },
  'websocket close': {
    reach: async (stage) => {
      const client = await stage.cluster.connect();
      await client.close();
      await eventually(() => tableSize(stage) === 3);
    },
  },
  'inflater close': {
    options: { gatewayOptions: { perMessageDeflate: true } },
    reach: async (stage) => {
      await (await stage.cluster.connect()).close();
      await eventually(() => tableSize(stage) === 3);
    },
  },
  'client send': {
    ends: 1,
    reach: async ({ cluster, clients }) => {
      const api = await cluster.gatewayClient();
      api.sendToAll('to all');
      await eventually(() => clients.filter((one) => one.messages.includes('to all')).length === 2);
    },
  },
  'client send in place': { reach: (stage) => endOf(stage, (client) => client.send('x')) },
  'client close': {
    reach: async (stage) => {
      const api = await stage.cluster.gatewayClient();
      const known = stage.ids.length;
      await endOf(stage, async () => {
        await eventually(() => stage.ids.length > known);
        api.closeClient(stage.ids.at(-1) ?? '');
      });
    },
  },
  'client destroy': {
    reach: async (stage) => {
      const api = await stage.cluster.gatewayClient();
      const known = stage.ids.length;
      await endOf(stage, async () => {
        await eventually(() => stage.ids.length > known);
        api.destroyClient(stage.ids.at(-1) ?? '');
      });
    },
  },
  'client heartbeat': {
    options: { gatewayOptions: { pingInterval: 0.5 } },
    ends: 1,
    reach: ({ clients }) => eventually(() => clients.some(({ isOpen }) => !isOpen)),
  },
  'held events expired': {
    options: { gatewayOptions: { maxHeldMs: 200 } },
    clients: 0,
    reach: async ({ cluster }) => {
      const waiting = [await cluster.connect(), await cluster.connect(), await cluster.connect()];
      await cluster.workers[0]?.stop();
      for (const client of waiting) client.send('lost');
      const ends = await Promise.all(waiting.map(({ ended }) => ended));
      expect(ends.map(({ code }) => code).sort()).toEqual([1011, 1013, 1013]);
      await cluster.startWorker();
      await speak(await cluster.connect(), 'again');
    },
  },
  'client move': {
    options: { workers: 2 },
    ends: 1,
    reach: async ({ cluster }) => await cluster.workers[0]?.stop(),
  },
  'client of a lost worker': lostWorker,
  'client bind': lostWorker,
  'client rebalance': {
    clients: 0,
    reach: async ({ cluster, guard }) => {
      const clients: TestClient[] = [];
      for (let count = 0; count < 6; count += 1) clients.push(await cluster.connect());
      await cluster.startWorker();
      await eventually(() => guard.thrown === 1);
      await eventually(() => clients.filter(({ isOpen }) => !isOpen).length === 1);
      const open = clients.filter(({ isOpen }) => isOpen);
      await Promise.all(open.map((client) => speak(client, 'after the failure')));
    },
  },
  'client event': { reach: (stage) => endOf(stage, (client) => client.send('x')) },
  'callback settled': {
    options: { events: { onMessage: async (_id, message, ctx) => void ctx.send(message) } },
    reach: (stage) => endOf(stage, (client) => client.send('x')),
  },
  'query answer part': {
    reach: async ({ cluster, ids }) => {
      const api = await cluster.gatewayClient();
      const names = Array.from({ length: 400 }, (_, index) => `${index} ${'x'.repeat(1000)}`);
      for (const name of names) api.joinGroup(ids[0] ?? '', name);
      await api.getAllGroupIdList().catch(() => undefined);
      await eventually(async () => (await api.getAllGroupIdList()).length === 400);
    },
  },
  'interest subscriber': {
    options: { gateways: 2 },
    reach: async ({ cluster, guard, ids }) => {
      const api = await cluster.gatewayClient();
      await eventually(() => {
        api.joinGroup(ids[0] ?? '', `group ${Math.random()}`);
        return guard.thrown === 1;
      });
    },
  },
  'Hello timeout': {
    options: { gatewayOptions: { handshakeTimeoutMs: 200 } },
    reach: async ({ port }) => {
      const client = await ResumableClient.connect(port);
      expect((await client.socket.ended).code).toBe(1006);
    },
  },
  'client Hello': {
    reach: ({ port }) => endOfResumable(port, (client) => client.sendFrame({ op: 'hello' })),
  },
  'session decision': {
    reach: ({ port }) => endOfResumable(port, (client) => client.sendFrame({ op: 'hello' })),
  },
  'session claim': {
    reach: ({ port }) => {
      const resume = { clientId: 'A'.repeat(20), secret: Buffer.alloc(16), positions: new Map() };
      return endOfResumable(port, (client) => client.sendFrame({ op: 'hello', resume }));
    },
  },
  'client send prefixed': {
    reach: async ({ cluster, port }) => {
      const api = await cluster.gatewayClient();
      const client = await ResumableClient.open(port);
      api.sendToClient(client.welcome.clientId, 'to one');
      expect((await client.socket.ended).code).toBe(1011);
    },
  },
  'parked client': {
    options: { gatewayOptions: { resume: { windowMs: 1000 } } },
    reach: async (stage) => {
      const parked = [
        await ResumableClient.open(stage.port),
        await ResumableClient.open(stage.port),
      ];
      for (const client of parked) client.drop();
      await eventually(() => tableSize(stage) === 3);
    },
  },
  'stream client decision': stream(),
  'stream data': stream('x\n'),
  'stream message': stream('x\n'),
  'stream close': {
    options: text,
    clients: 0,
    reach: async (stage) => {
      const peer = await openTcpPeer(stage.port);
      await eventually(() => tableSize(stage) === 1);
      peer.destroy();
      await eventually(() => tableSize(stage) === 0);
      await streamEcho(stage.port);
    },
  },
  'PROXY header': behindProxy,
  'PROXY header taken': behindProxy,
  'link accept': oneMore,
  'link connection': oneMore,
  'link connect': oneMore,
  'link up': oneMore,
  'register list': oneMore,
  'link data': anyTraffic,
  'output flush': anyTraffic,
  'link end': {
    reach: async ({ cluster }) => await (await cluster.gatewayClient()).close(),
  },
  'link close': {
    reach: async ({ cluster }) => {
      const gateway = cluster.gateways[0];
      const before = gateway?.status().connections;
      await (await cluster.gatewayClient()).close();
      await eventually(() => gateway?.status().connections === before);
    },
  },
  'link error': {
    reach: async (stage) => {
      const socket = connect(innerPort(stage), '127.0.0.1');
      await once(socket, 'connect');
      const before = stage.cluster.gateways[0]?.status().connections ?? 0;
      socket.resetAndDestroy();
      await eventually(() => (stage.cluster.gateways[0]?.status().connections ?? 0) < before + 1);
    },
  },
  'link TLS error': {
    clients: 3,
    reach: (stage) => closedPeer(innerPort(stage), 'no TLS\r\n\r\n'),
  },
  'unauthenticated link close': {
    reach: async (stage) => (await openTcpPeer(innerPort(stage))).destroy(),
  },
  'link handshake timeout': { reach: (stage) => closedPeer(innerPort(stage)) },
  'link dial': {
    reach: async ({ cluster, guard }) => {
      await cluster.stopRegister();
      await eventually(() => guard.thrown === 1);
      await cluster.startRegister();
      await cluster.startWorker();
    },
  },
  'output drain': {
    options: { gatewayOptions: { sendToClientBufferSize: 100_000_000 } },
    reach: async (stage) => {
      const api = await stage.cluster.gatewayClient();
      const known = stage.ids.length;
      const client = await stage.cluster.connect();
      await eventually(() => stage.ids.length > known);
      client.pause();
      for (let count = 0; count < 32; count += 1) {
        api.sendToClient(stage.ids.at(-1) ?? '', Buffer.alloc(1_000_000));
        await api.getAllClientIdCount();
      }
      client.resume();
      expect((await client.ended).code).toBe(1011);
    },
  },
};

/** Certificates are made once they are needed. */
async function optionsOf(point: string, { options }: Scenario): Promise<Partial<RolesOptions>> {
  if (point !== 'link TLS error') return options ?? {};
  const certificate = await makeCertificate();
  return { ...options, innerTls: { ...certificate, ca: certificate.cert } };
}

/** Uncaught exceptions and unhandled rejections. */
function watchProcess(): readonly unknown[] {
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  process.on('uncaughtException', note).on('unhandledRejection', note);
  onTestFinished(() => {
    process.off('uncaughtException', note).off('unhandledRejection', note);
  });
  return uncaught;
}

test.each(Object.entries(scenarios))(
  'exception at %s: ends its connection or link only',
  async (point, scenario) => {
    const uncaught = watchProcess();
    const { logger, lines } = captureLogger();
    const guard = new FaultyGuard(logger);
    const ids: string[] = [];
    const options = await optionsOf(point, scenario);
    const cluster = await roles({ events: echoEvents(ids), ...options, guard });
    const clients: TestClient[] = [];
    for (let count = 0; count < (scenario.clients ?? 3); count += 1) {
      clients.push(await cluster.connect());
    }
    await Promise.all(clients.map((client, index) => speak(client, `before ${index}`)));
    guard.arm(point);
    await scenario.reach({ cluster, guard, port: cluster.gateways[0]?.port ?? 0, clients, ids });
    await eventually(() => guard.thrown === 1);
    const { ends = 0 } = scenario;
    await eventually(() => clients.filter(({ isOpen }) => !isOpen).length === ends);
    for (const client of clients) {
      if (client.isOpen) await speak(client, 'after');
      else expect((await client.ended).code).toBe(1011);
    }
    const message = `injected at ${point}`;
    const line = lines.find((entry) => (entry['err'] as Error | undefined)?.message === message);
    expect(line).toMatchObject({ point, err: { stack: expect.stringContaining(message) } });
    expect([uncaught, guard.thrown]).toEqual([[], 1]);
  },
);

test('exception at client TLS handshake: closes that connection only', async () => {
  const certificate = await makeCertificate();
  const guard = new FaultyGuard(captureLogger().logger);
  const cluster = await roles({
    events: echoEvents([]),
    gatewayOptions: { tls: certificate },
    guard,
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const open = (): Socket =>
    connectTls({ port, host: '127.0.0.1', ca: certificate.cert, servername: 'localhost' });
  guard.arm('client TLS handshake');
  const victim = open().on('error', () => undefined);
  await new Promise((resolve) => victim.once('close', resolve));
  const other = open();
  onTestFinished(() => void other.destroy());
  await once(other, 'secureConnect');
  other.write(goodHandshake);
  const [answer] = (await once(other, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 101 /);
  expect(guard.thrown).toBe(1);
});

/** Two ends of a connection, the first with a link on it. */
async function linkedPair(guard: FaultyGuard): Promise<[FrameConnection, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const near = connect(port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  far.on('error', () => undefined).resume();
  const connection = new FrameConnection(near, new FlushScheduler(guard));
  onTestFinished(() => {
    connection.destroy();
    far.destroy();
    server.close();
  });
  return [connection, far];
}

test.each(['link heartbeat', 'link answer timeout', 'link grace timeout'])(
  'exception at %s: ends the link',
  async (point) => {
    const uncaught = watchProcess();
    const guard = new FaultyGuard(captureLogger().logger);
    const [connection, far] = await linkedPair(guard);
    const reasons: (string | undefined)[] = [];
    connection.onClose = (reason) => void reasons.push(reason?.message);
    guard.arm(point);
    if (point === 'link grace timeout') {
      connection.makeResumable(30);
      far.destroy();
    } else {
      connection.startHeartbeat(30);
    }
    await connection.closed;
    expect([guard.thrown, reasons, uncaught]).toEqual([1, [`injected at ${point}`], []]);
  },
);
