import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { EventHandler } from '@gatewayworker/business-worker';
import { Output, ThrottledLog } from '@gatewayworker/core';
import {
  ByteWriter,
  Command,
  DialerRole,
  FrameDecoder,
  formatClientId,
  type Message,
  parseClientId,
  writeInterestSubscribe,
  writeJoinGroup,
  writeMessage,
  writeWorkerReady,
} from '@gatewayworker/protocol';
import {
  captureLogger,
  eventually,
  openTcpPeer,
  type Roles,
  type RolesOptions,
  type TestClient,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { FakeGateway } from './fake-gateway.ts';
import { succeed } from './in-process-successor.ts';
import { frameOf, makeHello, messagesOf, prove } from './link-attackers.ts';
import { ResumableClient } from './resumable-client.ts';
import { gate, roles } from './roles.ts';

const document = readFileSync(new URL('../../docs/queues.md', import.meta.url), 'utf8');
const section = document.split(/^## /m).find((text) => text.startsWith('Roles\n')) ?? '';
const rows = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');

/** Starts roles whose callbacks wait until the test has ended. */
async function stuck(gatewayOptions: RolesOptions['gatewayOptions'] = {}): Promise<Roles> {
  const { opened, open } = gate();
  onTestFinished(open);
  return await roles({ events: { onMessage: () => opened }, gatewayOptions });
}

function limitOf(cluster: Roles, name: string): number {
  return cluster.gateways[0]?.status().limits[name] ?? 0;
}

async function awaitLimit(cluster: Roles, name: string): Promise<void> {
  await eventually(() => limitOf(cluster, name) > 0, { timeoutMs: 20_000 });
}

/** Id of a client that is away. */
const absent = formatClientId({ gatewayToken: 1, connection: 7, nonceHigh: 5, nonceLow: 6 });

/** A gateway that asks for a lane of 100 KB, and its only caller. */
async function withFakeGateway() {
  const cluster = await roles({ events: {}, gateways: 0, workers: 0 });
  const gateway = await FakeGateway.start(1, cluster.registerAddress);
  const api = await cluster.gatewayClient();
  await eventually(() => gateway.link !== undefined);
  gateway.send({ type: 'laneSubscribe', maxAgeMs: 60_000, maxBytes: 100_000 });
  await eventually(() => gateway.frames.includes('started 0'));
  return { api, gateway };
}

/** Waits until a role has logged a reason. */
async function awaitReason(cluster: Roles, pattern: RegExp): Promise<void> {
  await eventually(() => cluster.log.some(({ reason }) => pattern.test(String(reason))), {
    timeoutMs: 20_000,
  });
}

function sendMany(client: TestClient, count: number, byteLength: number): void {
  const message = Buffer.alloc(byteLength, 1);
  for (let sent = 0; sent < count; sent += 1) client.send(message);
}

/** A peer with the key that may break the protocol. */
class HostilePeer {
  readonly socket: Socket;
  /** Called with each frame that arrives. */
  onFrame: (command: number, body: Buffer) => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static async link(port: number, role: DialerRole): Promise<HostilePeer> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    const peer = new HostilePeer(socket);
    let received = Buffer.alloc(0);
    const greet = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
    };
    socket.on('data', greet);
    const heard = <T extends Message['type']>(type: T): Promise<Extract<Message, { type: T }>> =>
      eventually(() =>
        messagesOf(received).find(
          (message): message is Extract<Message, { type: T }> => message.type === type,
        ),
      );
    const hello = makeHello({ role });
    socket.write(frameOf(hello));
    const challenge = await heard('challenge');
    socket.write(frameOf({ type: 'proof', proof: prove('', 'dialer', hello, challenge) }));
    await heard('welcome');
    socket.off('data', greet);
    const decoder = new FrameDecoder((command, buffer, start, end) => {
      peer.onFrame(command, Buffer.from(buffer.subarray(start, end)));
      return true;
    });
    socket.on('data', (chunk: Buffer) => decoder.push(chunk));
    return peer;
  }

  write(writeFrames: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter();
    writeFrames(writer);
    this.socket.write(Buffer.from(writer.buffer.subarray(0, writer.length)));
  }
}

function innerPort(cluster: Roles): number {
  return cluster.gateways[0]?.innerPort ?? 0;
}

/** A cluster with a client whose session is almost 1 MiB. */
async function withLargeSession(): Promise<{ cluster: Roles; id: string }> {
  const ids: string[] = [];
  const events: EventHandler = {
    onConnect: (id, ctx) => {
      ctx.session = { large: 'x'.repeat(1_000_000) };
      ids.push(id);
    },
  };
  const cluster = await roles({ events });
  await cluster.connect();
  const api = await cluster.gatewayClient();
  await eventually(
    async () => ids[0] !== undefined && (await api.getSession(ids[0])) !== undefined,
  );
  return { cluster, id: ids[0] ?? '' };
}

/** Sends a number of queries for a session of 1 MB. */
function askForSessions(peer: HostilePeer, id: string, first: number, count: number): void {
  const client = parseClientId(id);
  if (client === undefined) throw new Error('it is an id');
  peer.write((writer) => {
    for (let requestId = first; requestId < first + count; requestId += 1) {
      writeMessage(writer, { type: 'query', requestId, query: { kind: 'getSession', client } });
    }
  });
}

const producers: Readonly<Record<string, () => Promise<void>>> = {
  'events during a handover': async () => {
    let heard = 0;
    const countHeard = (): void => {
      heard += 1;
    };
    const cluster = await roles({ events: { onMessage: countHeard } });
    const client = await cluster.connect();
    const { near, far, handedOver } = await succeed(cluster);
    let told = '';
    near.prependListener('data', (chunk: Buffer) => {
      told += chunk.toString('latin1');
      // The successor stops reading.
      if (told.includes('infoRead')) far.pause();
    });
    await eventually(() => told.includes('infoRead'));
    const bytesRead = () => [...(cluster.gateways[0]?.connections() ?? [])].flat()[0]?.bytesRead;
    const sent = 512;
    for (let index = 0; index < sent; index += 1) client.send(Buffer.alloc(65_536));
    await eventually(() => (bytesRead() ?? 0) > 8 * 1_048_576);
    await expect(handedOver).rejects.toThrow('the successor takes too long');
    expect(bytesRead()).toBeLessThan(9 * 1_048_576);
    await eventually(() => heard === sent);
  },
  'handshake header': async () => {
    const cluster = await stuck();
    const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
    peer.send(`GET / HTTP/1.1\r\nHost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(String(await peer.ended)).toMatch(/^HTTP\/1\.1 431 /);
  },
  'PROXY header': async () => {
    const cluster = await stuck({ trustProxy: true, proxyProtocol: true });
    const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
    peer.send(`PROXY TCP4 ${'1'.repeat(10_000)}`);
    await peer.ended;
    await eventually(() => cluster.log.some(({ msg }) => msg === 'connection refused'));
  },
  connections: async () => {
    const cluster = await stuck({ maxConnections: 1 });
    await cluster.connect();
    expect(await cluster.refusedHandshake()).toMatchObject({ status: 503 });
    expect(limitOf(cluster, 'connections')).toBe(1);
  },
  'pending handshakes': async () => {
    const cluster = await roles({
      events: { onHandshake: () => new Promise(() => undefined) },
      gatewayOptions: { maxConnections: 3, handshakeTimeoutMs: 500 },
    });
    const refused = await Promise.all(Array.from({ length: 10 }, () => cluster.refusedHandshake()));
    expect(refused.map(({ status }) => status)).toEqual(Array(10).fill(503));
    expect(limitOf(cluster, 'connections')).toBe(7);
    expect(limitOf(cluster, 'handshakeTimeout')).toBe(3);
  },
  'incomplete message': async () => {
    const cluster = await stuck({ maxMessageBytes: 1000 });
    const client = await cluster.connect();
    client.send(Buffer.alloc(1001));
    expect(await client.ended).toMatchObject({ code: 1009 });
    expect(limitOf(cluster, 'messageTooBig')).toBe(1);
  },
  'client output': async () => {
    const cluster = await stuck({ sendToClientBufferSize: 100_000 });
    const client = await cluster.connect();
    client.pause();
    const api = await cluster.gatewayClient();
    await eventually(() => {
      api.sendToAll(Buffer.alloc(1_000_000));
      return limitOf(cluster, 'slowConsumer') > 0;
    });
    expect(cluster.gateways[0]?.status().failedSends).toBeGreaterThan(0);
  },
  'events of a client': async () => {
    const cluster = await stuck({ maxEventBytesInFlight: 100_000 });
    sendMany(await cluster.connect(), 64, 50_000);
    await awaitLimit(cluster, 'eventBytesInFlight');
    expect(cluster.gateways[0]?.status().inFlight).toBeLessThanOrEqual(3);
  },
  'events of a worker': async () => {
    const cluster = await stuck({ maxEventBytesInFlightPerWorker: 200_000 });
    const clients = await Promise.all(Array.from({ length: 40 }, () => cluster.connect()));
    for (const client of clients) sendMany(client, 20, 50_000);
    // The fourth message reaches the bound: its sender and all later senders are paused.
    await eventually(() => limitOf(cluster, 'eventBytesInFlight') >= 40 - 3);
    const { inFlight = 0, tables = {} } = cluster.gateways[0]?.status() ?? {};
    expect(inFlight - (tables['heldEvents'] ?? 0)).toBe(4);
  },
  'held events': async () => {
    const cluster = await stuck({ maxHeldBytes: 100_000 });
    const client = await cluster.connect();
    await cluster.workers[0]?.stop();
    sendMany(client, 50, 50_000);
    await awaitLimit(cluster, 'heldBytes');
    expect(cluster.gateways[0]?.status().tables['heldEvents']).toBeLessThanOrEqual(5);
  },
  'worker link': async () => {
    const cluster = await stuck({
      sendToWorkerBufferSize: 65_536,
      maxEventsInFlight: 65_536,
      maxEventBytesInFlight: 1_073_741_824,
      maxEventBytesInFlightPerWorker: 1_073_741_824,
    });
    await cluster.workers[0]?.stop();
    const worker = await HostilePeer.link(innerPort(cluster), DialerRole.Worker);
    worker.write((writer) =>
      writeWorkerReady(writer, {
        decidesHandshakes: false,
        decidesResumes: false,
        redelivers: false,
      }),
    );
    await eventually(() => cluster.gateways[0]?.workerCount === 1);
    worker.socket.pause();
    const client = await cluster.connect();
    sendMany(client, 60, 1_000_000);
    await awaitLimit(cluster, 'workerLinkFull');
  },
  'inner link': async () => {
    const { cluster, id } = await withLargeSession();
    const peer = await HostilePeer.link(innerPort(cluster), DialerRole.Client);
    peer.socket.pause();
    for (let first = 0; first < 100; first += 10) askForSessions(peer, id, first, 10);
    await awaitReason(cluster, /^the peer has left \d+ bytes unread$/);
  },
  'retransmit buffer': async () => {
    const { cluster, id } = await withLargeSession();
    const peer = await HostilePeer.link(innerPort(cluster), DialerRole.Client);
    let answers = 0;
    peer.onFrame = (command) => {
      if (command === Command.QueryAnswer) answers += 1;
    };
    for (let first = 0; first < 200 && !peer.socket.destroyed; first += 10) {
      askForSessions(peer, id, first, 10);
      await eventually(() => answers >= first + 10 || peer.socket.readableEnded);
      if (peer.socket.readableEnded) break;
    }
    await awaitReason(cluster, /^the peer has left \d+ bytes unconfirmed/);
  },
  'incomplete frame': async () => {
    const cluster = await stuck();
    const stranger = await openTcpPeer(innerPort(cluster));
    stranger.send(Buffer.from('00001001', 'hex'));
    await stranger.ended;
    await awaitReason(cluster, /^a frame of 4097 bytes exceeds the limit of 4096$/);
    const peer = await HostilePeer.link(innerPort(cluster), DialerRole.Client);
    peer.socket.write(Buffer.from('0200000101', 'hex'));
    await awaitReason(cluster, /^a frame of 33554433 bytes exceeds the limit of 33554432$/);
  },
  'gateway link': async () => {
    const cluster = await stuck();
    const api = await cluster.gatewayClient({ sendToGatewayBufferSize: 100_000 });
    const handed = Array.from({ length: 10 }, () => api.sendToAll('x'.repeat(50_000)));
    expect(handed.filter(Boolean).length).toBeLessThanOrEqual(3);
    await expect(api.getAllClientIdCount()).rejects.toMatchObject({
      code: 'GW_ERR_PARTIAL_RESULT',
    });
  },
  'chunked replies': async () => {
    const { cluster } = await withLargeSession();
    const peer = await HostilePeer.link(innerPort(cluster), DialerRole.Client);
    const codes: unknown[] = [];
    peer.onFrame = (command, body) => {
      if (command === Command.QueryFailure) codes.push(body.includes('GW_ERR_LINK_FULL'));
    };
    // In one chunk: the gateway has no turn in which it could send a part.
    peer.write((writer) => {
      for (let requestId = 0; requestId < 100; requestId += 1) {
        writeMessage(writer, { type: 'query', requestId, query: { kind: 'getAllClientSessions' } });
      }
    });
    await eventually(() => codes.length > 0, { timeoutMs: 20_000 });
    expect(new Set(codes)).toEqual(new Set([true]));
  },
  'interest names': async () => {
    const ids: string[] = [];
    const cluster = await roles({ events: { onConnect: (id) => void ids.push(id) } });
    await cluster.connect();
    await eventually(() => ids.length === 1);
    const client = parseClientId(ids[0] ?? '');
    if (client === undefined) throw new Error('it is an id');
    const peer = await HostilePeer.link(innerPort(cluster), DialerRole.Client);
    let known = '';
    peer.onFrame = (command, body) => {
      if (command === Command.InterestKnown && body[0] === 1) known += String(body[1]);
    };
    peer.write((writer) => writeInterestSubscribe(writer));
    await eventually(() => known === '1');
    peer.write((writer) => {
      for (let name = 0; name < 300; name += 1) {
        writeJoinGroup(writer, client, `${name} ${'x'.repeat(65_000)}`);
      }
    });
    await eventually(() => known === '10', { timeoutMs: 20_000 });
  },
  lane: async () => {
    const { api, gateway } = await withFakeGateway();
    for (let sent = 0; sent < 1000; sent += 1) api.sendToAll('x'.repeat(1000));
    gateway.requestReplay(absent);
    await eventually(() => gateway.frames.some((frame) => frame.startsWith('done 1000 gap')));
    const replayed = gateway.frames.filter((frame) => frame.startsWith('replay'));
    expect(replayed.length).toBeGreaterThan(10);
    expect(replayed.length).toBeLessThan(100);
  },
  'adopted lanes': async () => {
    const { gateway } = await withFakeGateway();
    for (let source = 1; source <= 1025; source += 1) gateway.transferLane(source, 1000);
    await eventually(() => gateway.frames.includes('declined 1025'), { timeoutMs: 20_000 });
    expect(gateway.frames.filter((frame) => frame.startsWith('adopted')).length).toBe(1024);
    gateway.requestReplay(absent);
    await eventually(() => gateway.frames.some((frame) => frame.startsWith('done 0 gap')));
    const replayed = gateway.frames.filter((frame) => frame.startsWith('replay'));
    expect(replayed.length).toBeGreaterThan(10);
    expect(replayed.length).toBeLessThan(100);
  },
  'replay requests': async () => {
    const { api, gateway } = await withFakeGateway();
    api.sendToClient(absent, 'x');
    // The process reads many requests in one turn.
    for (let requestId = 0; requestId < 200_000; requestId += 1) gateway.requestReplay(absent);
    await eventually(() => gateway.frames.includes('done 1 gap 1'), { timeoutMs: 20_000 });
  },
  receipts: async () => {
    const cluster = await roles({ events: {} });
    const client = await ResumableClient.open(cluster.gateways[0]?.port ?? 0);
    const api = await cluster.gatewayClient();
    const { clientId } = client.welcome;
    client.drop();
    await eventually(async () => !(await api.isOnline(clientId)));
    const options = { receipt: 'handled', timeoutMs: 3_600_000 } as const;
    const codes: unknown[] = [];
    for (let sent = 0; sent < 100_010; sent += 1) {
      const note = (error: unknown): void => void codes.push(Reflect.get(Object(error), 'code'));
      api.sendToClient(clientId, '', options).catch(note);
    }
    await eventually(() => codes.length === 10);
    expect(new Set(codes)).toEqual(new Set(['GW_ERR_RECEIPTS_FULL']));
  },
  'receipts of clients': async () => {
    const cluster = await roles({ events: {} });
    const port = cluster.gateways[0]?.port ?? 0;
    const api = await cluster.gatewayClient();
    for (const client of [await ResumableClient.open(port), await ResumableClient.open(port)]) {
      api.bindUid(client.welcome.clientId, 'anna');
      client.drop();
    }
    await eventually(async () => (await api.getUidState('anna')).state === 'away');
    const options = { receipt: 'handled', timeoutMs: 3_600_000 } as const;
    let failed: unknown;
    for (let sent = 0; sent < 50_001; sent += 1) {
      api.sendToUid('anna', '', options).catch((error: unknown) => {
        failed ??= error;
      });
    }
    await eventually(() => failed !== undefined, { timeoutMs: 20_000 });
    expect(failed).toMatchObject({ cause: { code: 'GW_ERR_RECEIPTS_FULL' } });
    const { limits, tables } = cluster.gateways[0]?.status() ?? {};
    expect([limits?.['receipts'], tables?.['receipts']]).toEqual([1, 100_000]);
  },
  'last seen': async () => {
    const ids: string[] = [];
    const cluster = await roles({ events: { onConnect: (id) => void ids.push(id) } });
    await cluster.connect();
    await eventually(() => ids.length === 1);
    const api = await cluster.gatewayClient({ queryTimeoutMs: 60_000 });
    for (let uid = 0; uid < 100_010; uid += 1) api.bindUid(ids[0] ?? '', uid);
    const states = await api.getUidStates([0, 100_000]);
    expect(states.get('0')?.lastSeen).toBeUndefined();
    expect(states.get('100000')?.lastSeen).toBeInstanceOf(Date);
  },
  session: async () => {
    const { cluster, id } = await withLargeSession();
    const api = await cluster.gatewayClient();
    expect(() => api.setSession(id, { a: 'x'.repeat(1_100_000) })).toThrow(RangeError);
    api.updateSession(id, { more: 'x'.repeat(100_000) });
    await awaitLimit(cluster, 'sessionTooLarge');
  },
  output: async () => {
    const output = new Output({ name: 'full', open: () => openSync('/dev/full', 'w') });
    const line = `${'x'.repeat(9_999)}\n`;
    for (let count = 0; count < 1000; count += 1) output.write(line);
    // 104 of them are 1 MiB.
    expect(output.dropped).toBeGreaterThanOrEqual(895);
    expect(output.dropped).toBeLessThan(1000);
  },
  'throttled log': async () => {
    const { logger, lines } = captureLogger();
    const log = new ThrottledLog(logger);
    for (let count = 0; count < 10_000; count += 1) log.warn({ count }, 'hostile');
    log.close();
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({ count: 9999, leftOut: 9998 });
  },
};

test('queues: every row has a producer, and every producer a row', () => {
  expect(Object.keys(producers).toSorted()).toEqual(rows.toSorted());
});

test.each(rows)('queue %s: stays within its bound', async (name) => {
  await producers[name]?.();
});
