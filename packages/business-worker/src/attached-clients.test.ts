import { Socket } from 'node:net';
import {
  createLogger,
  FlushScheduler,
  FrameConnection,
  GatewayWorkerError,
  Guard,
  RequestTable,
} from '@gatewayworker/core';
import { GatewayClient, type GatewayLink } from '@gatewayworker/gateway-client';
import {
  ByteReader,
  ByteWriter,
  beginFrame,
  Command,
  endFrame,
  FrameDecoder,
  formatClientId,
  type Message,
  PayloadFlag,
  packValue,
  readEventsAck,
  replacementDelta,
  writeClientConnected,
  writeClientDetached,
  writeClientMessage,
  writeMessage,
} from '@gatewayworker/protocol';
import { FaultyGuard } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { AttachedClients } from './attached-clients.ts';
import type { ClientContext, ClientEvent } from './client-context.ts';

/** A gateway process in memory. It writes frames to the worker, and records the frames of the worker. */
class MemoryGateway extends Socket {
  readonly link: GatewayLink;
  readonly #clients: AttachedClients;
  /** Frames of the worker since the last call of `takeSent`: `ready`, `draining`, or connection and count of acks. */
  #sent: unknown[] = [];

  constructor(clients: AttachedClients, gateway: { instanceId: string; port?: number }) {
    super();
    this.#clients = clients;
    this.link = {
      connection: new FrameConnection(this, new FlushScheduler()),
      address: `10.0.0.1:${gateway.port ?? 2900}`,
      instanceId: gateway.instanceId,
      gatewayToken: gateway.port ?? 2900,
      name: 'gateway',
      requests: new RequestTable(),
      sentJoins: 0,
      isNumbered: false,
      refusedOffset: 0,
      ask: () => Promise.resolve(),
      handleAnswer: () => undefined,
      reportRefused: () => undefined,
      handleClosed: () => undefined,
    };
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    new FrameDecoder((command, buffer, start, end) => {
      if (command === Command.WorkerReady) this.#sent.push('ready');
      else if (command === Command.WorkerDraining) this.#sent.push('draining');
      else if (command === Command.EventsAck) {
        const reader = new ByteReader().reset(buffer, start, end);
        readEventsAck(reader, (connection, count) => this.#sent.push([connection, count]));
      }
      return undefined;
    }).push(chunk);
    done();
  }

  takeSent(): unknown[] {
    this.link.connection.output.flush();
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  /** Passes one frame to the worker, in a buffer that is reused at once. */
  sendFrame(fill: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter();
    fill(writer);
    const { buffer, length } = writer;
    this.#clients.handleFrame(this.link, buffer.readUInt8(4), buffer, 5, length);
    buffer.fill(0xff);
  }

  send(message: Message): void {
    this.sendFrame((writer) => writeMessage(writer, message));
  }

  attach(connection: number, session?: Record<string, unknown>): void {
    this.send({
      type: 'clientAttached',
      connection,
      nonceHigh: 5,
      nonceLow: 6,
      remoteAddress: '::1',
      remotePort: 1,
      gatewayPort: 8282,
      request: packValue({ url: '/?room=1', headers: { cookie: 'a=1' } }),
      uid: 'anna',
      session: session === undefined ? undefined : packValue(session),
    });
  }

  sendText(connection: number, text: string): void {
    this.sendFrame((writer) => writeClientMessage(writer, connection, 0, Buffer.from(text)));
  }

  sendDrained(): void {
    this.sendFrame((writer) => endFrame(writer, beginFrame(writer, Command.WorkerDrained)));
  }

  closeClient(connection: number, end: Partial<Message<'clientClosed'>> = {}): void {
    const { by = 'client', code, reason } = end;
    this.send({ type: 'clientClosed', isRedelivered: false, connection, by, code, reason });
  }

  idOf(connection: number): string {
    const { gatewayToken } = this.link;
    return formatClientId({ gatewayToken, connection, nonceHigh: 5, nonceLow: 6 });
  }
}

interface CapturedEvent {
  readonly context: ClientContext;
  readonly event: ClientEvent;
}

/** The clients of a worker, and their events. */
class Worker {
  readonly captured: CapturedEvent[] = [];
  /** Random ids of gateways that a register reports as alive. */
  readonly alive = new Set<string>();
  readonly clients: AttachedClients;

  constructor(guard = new Guard()) {
    this.clients = new AttachedClients({
      gateway: new GatewayClient(() => {
        throw new GatewayWorkerError('GW_ERR_NOT_IN_WORKER');
      }),
      guard,
      logger: createLogger({ stdout: false }),
      onEvent: (context, event) => this.captured.push({ context, event }),
      decide: undefined,
      onSettled: () => undefined,
      isAlive: ({ instanceId }) => this.alive.has(instanceId),
      redelivers: false,
      decidesResumes: false,
    });
    onTestFinished(() => this.clients.close());
  }

  link(instanceId = 'instance', port?: number): MemoryGateway {
    const gateway = new MemoryGateway(this.clients, {
      instanceId,
      ...(port === undefined ? {} : { port }),
    });
    this.clients.addLink(gateway.link);
    return gateway;
  }

  /** Returns the connections and events since the last call. */
  takeEvents(): [number, ClientEvent][] {
    return this.captured.splice(0).map(({ context, event }) => [context.connection, event]);
  }
}

/** Replaces the timers until the test ends. */
function useFakeClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

const lost: ClientEvent = { kind: 'closed', closed: { by: 'gateway-lost' }, isRedelivered: false };

test('clients: an attached client has the fields sent by the gateway', () => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(7, { room: 1 });
  const context = worker.clients.find(gateway.idOf(7));
  expect(context).toMatchObject({
    clientId: gateway.idOf(7),
    uid: 'anna',
    session: { room: 1 },
    remoteAddress: '::1',
    remotePort: 1,
    gatewayName: 'gateway',
    gatewayPort: 8282,
    request: { url: '/?room=1', cookies: { a: '1' } },
    redelivered: false,
    closed: undefined,
  });
  expect(worker.clients.size).toBe(1);
  expect(worker.takeEvents()).toEqual([]);
});

test('clients: find compares the complete client id', () => {
  const worker = new Worker();
  const [gateway, other] = [worker.link('a', 1), worker.link('b', 2)];
  gateway.attach(7);
  expect(worker.clients.find(gateway.idOf(7))?.connection).toBe(7);
  expect(worker.clients.find(gateway.idOf(8))).toBeUndefined();
  expect(worker.clients.find(other.idOf(7))).toBeUndefined();
  expect(worker.clients.find('unknown')).toBeUndefined();
  const stale = { gatewayToken: 1, connection: 7, nonceHigh: 5, nonceLow: 7 };
  expect(worker.clients.find(formatClientId(stale))).toBeUndefined();
});

test('clients: frames become events, in order', () => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(7);
  gateway.sendFrame((writer) => writeClientConnected(writer, 7, false));
  gateway.sendText(7, 'é');
  gateway.sendFrame((writer) =>
    writeClientMessage(writer, 7, PayloadFlag.Binary, Uint8Array.of(0, 255)),
  );
  gateway.sendText(7, '');
  gateway.closeClient(7, { by: 'server', code: 4000, reason: 'bye' });
  expect(worker.takeEvents()).toEqual([
    [7, { kind: 'connected', isRedelivered: false }],
    [7, { kind: 'message', message: 'é', byteLength: 2, number: 0 }],
    [7, { kind: 'message', message: Buffer.from([0, 255]), byteLength: 2, number: 0 }],
    [7, { kind: 'message', message: '', byteLength: 0, number: 0 }],
    [
      7,
      { kind: 'closed', closed: { by: 'server', code: 4000, reason: 'bye' }, isRedelivered: false },
    ],
  ]);
});

test('clients: absent fields of a close stay absent', () => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(7);
  gateway.closeClient(7, { by: 'heartbeat' });
  expect(worker.takeEvents()).toStrictEqual([
    [7, { kind: 'closed', closed: { by: 'heartbeat' }, isRedelivered: false }],
  ]);
});

test('clients: changes by other processes are applied', () => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(7, { room: 1 });
  const context = worker.clients.find(gateway.idOf(7));
  gateway.send({ type: 'uidChanged', connection: 7, appliedChanges: 0, uid: 'bert' });
  expect(context?.uid).toBe('bert');
  gateway.send({ type: 'uidChanged', connection: 7, appliedChanges: 0, uid: undefined });
  expect(context?.uid).toBeUndefined();
  // A change reported before the gateway has applied the changes of the worker is older than these.
  context?.changeUid('first');
  context?.changeUid('second');
  gateway.send({ type: 'uidChanged', connection: 7, appliedChanges: 0, uid: 'older' });
  gateway.send({ type: 'uidChanged', connection: 7, appliedChanges: 1, uid: 'first' });
  expect(context?.uid).toBe('second');
  gateway.send({ type: 'uidChanged', connection: 7, appliedChanges: 2, uid: 'newer' });
  expect(context?.uid).toBe('newer');
  const delta = replacementDelta({ room: 2 });
  gateway.send({ type: 'sessionChanged', connection: 7, appliedChanges: 0, delta });
  expect(context?.session).toEqual({ room: 2 });
});

test('clients: frames about unknown clients are ignored', () => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.sendFrame((writer) => writeClientConnected(writer, 7, false));
  gateway.sendText(7, 'x');
  gateway.closeClient(7);
  gateway.send({ type: 'uidChanged', connection: 7, appliedChanges: 0, uid: 'bert' });
  const delta = replacementDelta({});
  gateway.send({ type: 'sessionChanged', connection: 7, appliedChanges: 0, delta });
  expect(worker.takeEvents()).toEqual([]);
  expect(worker.clients.size).toBe(0);
});

test('clients: a malformed handshake request is refused at once', () => {
  const worker = new Worker();
  const gateway = worker.link();
  const ask = (request: Uint8Array): void => {
    const from = { remoteAddress: '::1', remotePort: 1, gatewayPort: 8282 };
    gateway.send({ type: 'handshakeRequest', requestId: 1, ...from, request });
  };
  ask(packValue({ url: '/', headers: {} }));
  for (const request of [Buffer.of(0xc1), packValue({ url: 1, headers: {} }), Buffer.alloc(0)]) {
    expect(() => ask(request)).toThrow(expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }));
  }
});

test.each([Command.ClientConnected, Command.ClientMessage])(
  'clients: event %i that ends within its header is refused',
  (command) => {
    const worker = new Worker();
    const { link } = worker.link();
    for (const length of [0, 3, 4]) {
      for (const behind of [0, 8]) {
        const buffer = Buffer.alloc(5 + length + behind);
        const handle = (): void => {
          worker.clients.handleFrame(link, command, buffer, 5, 5 + length);
        };
        expect(handle).toThrow(expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }));
      }
    }
  },
);

test('clients: the same connection number at two gateways is two clients', () => {
  const worker = new Worker();
  const gateways = [worker.link('a', 1), worker.link('b', 2)] as const;
  for (const gateway of gateways) gateway.attach(7);
  gateways[1].sendText(7, 'x');
  expect(worker.captured.map(({ context }) => context.clientId)).toEqual([gateways[1].idOf(7)]);
  expect(worker.clients.size).toBe(2);
});

test('acks: one EventsAck per turn contains all acknowledged events', () => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(7);
  gateway.attach(8);
  for (const connection of [7, 7, 8]) gateway.sendText(connection, 'x');
  for (const { context, event } of worker.captured) worker.clients.acknowledge(context, event);
  expect(gateway.takeSent()).toEqual([
    [7, 2],
    [8, 1],
  ]);
  expect(gateway.takeSent()).toEqual([]);
});

test('clients: a client is removed once its close is acknowledged', () => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(7);
  gateway.closeClient(7);
  expect(worker.clients.size).toBe(1);
  for (const { context, event } of worker.captured) worker.clients.acknowledge(context, event);
  expect(worker.clients.size).toBe(0);
  expect(worker.clients.find(gateway.idOf(7))).toBeUndefined();
  expect(gateway.takeSent()).toEqual([[7, 1]]);
});

test('ready: is sent to every gateway, also to later ones', () => {
  const worker = new Worker();
  const first = worker.link('a', 1);
  expect(first.takeSent()).toEqual([]);
  worker.clients.setReady();
  const second = worker.link('b', 2);
  expect(first.takeSent()).toEqual(['ready']);
  expect(second.takeSent()).toEqual(['ready']);
});

test('lost gateway: its clients are closed', () => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(7);
  gateway.attach(8);
  worker.clients.removeLink(gateway.link);
  expect(worker.clients.size).toBe(0);
  expect(worker.takeEvents()).toEqual([
    [7, lost],
    [8, lost],
  ]);
  worker.clients.closeLostClients();
  expect(worker.takeEvents()).toEqual([]);
});

test('lost gateway: clients are closed only once it is not reported as alive', () => {
  const worker = new Worker();
  const gateway = worker.link('alone');
  gateway.attach(7);
  worker.alive.add('alone');
  worker.clients.removeLink(gateway.link);
  worker.clients.closeLostClients();
  expect(worker.takeEvents()).toEqual([]);
  worker.alive.clear();
  worker.clients.closeLostClients();
  expect(worker.takeEvents()).toEqual([[7, lost]]);
});

test('lost gateway: clients are closed when another process has its address', () => {
  const worker = new Worker();
  const gateway = worker.link('before');
  gateway.attach(7);
  worker.alive.add('before');
  worker.clients.removeLink(gateway.link);
  worker.link('elsewhere', 3000);
  expect(worker.takeEvents()).toEqual([]);
  worker.link('after');
  expect(worker.takeEvents()).toEqual([[7, lost]]);
});

test('lost gateway: clients are not closed when it has just answered', () => {
  const worker = new Worker();
  const gateway = worker.link('same');
  gateway.attach(7);
  worker.clients.removeLink(gateway.link, true);
  const again = worker.link('same');
  worker.clients.closeLostClients();
  expect(worker.takeEvents()).toEqual([]);
  expect(again.takeSent()).toEqual([]);
});

test('lost gateway: clients are not closed when it is linked again', () => {
  const worker = new Worker();
  const gateway = worker.link('same');
  gateway.attach(7);
  worker.alive.add('same');
  worker.clients.removeLink(gateway.link);
  worker.link('same');
  worker.alive.clear();
  worker.clients.closeLostClients();
  expect(worker.takeEvents()).toEqual([]);
});

test('lost gateway: a client that is closing is not closed again', () => {
  const worker = new Worker();
  const gateway = worker.link();
  for (const connection of [7, 8, 9]) gateway.attach(connection);
  const [seven, eight] = [7, 8].map((connection) => worker.clients.find(gateway.idOf(connection)));
  if (seven === undefined || eight === undefined) throw new Error('not attached');
  // The close of the first client is being handled; that of the second waits for a callback.
  seven.closed = { by: 'client' };
  eight.waiting = [
    { kind: 'message', message: 'x', byteLength: 1, number: 0 },
    { kind: 'closed', closed: { by: 'client' }, isRedelivered: false },
  ];
  worker.clients.removeLink(gateway.link);
  expect(worker.takeEvents()).toEqual([[9, lost]]);
});

test('lost gateway: 64 clients are closed per turn', () => {
  useFakeClock();
  const worker = new Worker();
  const gateway = worker.link();
  for (let connection = 0; connection < 150; connection++) gateway.attach(connection);
  worker.clients.removeLink(gateway.link);
  const perTurn = [worker.takeEvents().length];
  while (vi.getTimerCount() > 0) {
    vi.advanceTimersToNextTimer();
    perTurn.push(worker.takeEvents().length);
  }
  expect(perTurn).toEqual([64, 64, 22]);
});

test('lost gateway: an exception for one client does not affect the others', () => {
  useFakeClock();
  const guard = new FaultyGuard(createLogger({ stdout: false }));
  const worker = new Worker(guard);
  const gateway = worker.link();
  for (let connection = 0; connection < 150; connection++) gateway.attach(connection);
  guard.arm('clients of a lost gateway');
  worker.clients.removeLink(gateway.link);
  while (vi.getTimerCount() > 0) vi.advanceTimersToNextTimer();
  expect([worker.takeEvents().length, guard.thrown, worker.clients.hasLostClients]).toEqual([
    150,
    1,
    false,
  ]);
});

test('lost gateway: its frames are ignored, and it gets no acks', () => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(7);
  gateway.sendText(7, 'x');
  worker.alive.add(gateway.link.instanceId);
  worker.clients.removeLink(gateway.link);
  for (const { context, event } of worker.captured) worker.clients.acknowledge(context, event);
  expect(gateway.takeSent()).toEqual([]);
  gateway.sendText(7, 'y');
  expect(worker.takeEvents()).toHaveLength(1);
});

test('stop: clients are not closed after the worker has stopped', () => {
  const worker = new Worker();
  const [gone, linked] = [worker.link('a', 1), worker.link('b', 2)];
  gone.attach(7);
  linked.attach(8);
  worker.alive.add('a');
  worker.clients.removeLink(gone.link);
  worker.clients.close();
  // The worker closes its links after that.
  linked.sendText(8, 'x');
  worker.clients.removeLink(linked.link);
  worker.alive.clear();
  worker.clients.closeLostClients();
  expect(worker.takeEvents()).toEqual([]);
  expect(worker.clients.size).toBe(0);
});

test('drain: is sent to every gateway, also to later ones', () => {
  const worker = new Worker();
  const first = worker.link('a', 1);
  worker.clients.setReady();
  worker.clients.drain();
  worker.clients.drain();
  const second = worker.link('b', 2);
  expect(first.takeSent()).toEqual(['ready', 'draining']);
  expect(second.takeSent()).toEqual(['draining']);
});

test('drain: ready is not sent afterwards', () => {
  const worker = new Worker();
  const gateway = worker.link();
  worker.clients.drain();
  worker.clients.setReady();
  expect(gateway.takeSent()).not.toContain('ready');
});

test('drain: ends when every linked gateway has sent WorkerDrained', () => {
  const worker = new Worker();
  const gateways = [worker.link('a', 1), worker.link('b', 2), worker.link('c', 3)] as const;
  // WorkerDrained before the drain is ignored.
  gateways[0].sendDrained();
  worker.clients.drain();
  gateways[1].sendDrained();
  expect(worker.clients.isDrained).toBe(false);
  gateways[0].sendDrained();
  expect(worker.clients.isDrained).toBe(false);
  worker.clients.removeLink(gateways[2].link);
  expect(worker.clients.isDrained).toBe(true);
});

test.each([
  ['ClientConnected', Command.ClientConnected, 5],
  ['ClientMessage', Command.ClientMessage, 5],
  ['ClientDetached', Command.ClientDetached, 4],
])('%s: is refused as malformed when it ends within a field', (_name, command, fieldBytes) => {
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(0);
  for (let length = 0; length < fieldBytes; length += 1) {
    const send = (): void =>
      gateway.sendFrame((writer) => {
        const start = beginFrame(writer, command);
        writer.writeBytes(Buffer.alloc(length));
        endFrame(writer, start);
      });
    expect(send).toThrow(expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' }));
  }
  expect(worker.clients.size).toBe(1);
  expect(worker.takeEvents()).toEqual([]);
});

test('clients: a detached client is removed', () => {
  useFakeClock();
  const worker = new Worker();
  const gateway = worker.link();
  gateway.attach(7);
  const context = worker.clients.find(gateway.idOf(7));
  gateway.sendFrame((writer) => writeClientDetached(writer, 7));
  gateway.sendFrame((writer) => writeClientDetached(writer, 8));
  expect(worker.clients.size).toBe(0);
  expect(worker.clients.find(gateway.idOf(7))).toBeUndefined();
  gateway.send({ type: 'uidChanged', connection: 7, appliedChanges: 0, uid: 'bert' });
  expect(context?.uid).toBe('anna');
  // The other worker calls its onClose.
  worker.clients.removeLink(gateway.link);
  vi.advanceTimersByTime(10_000);
  expect(worker.takeEvents()).toEqual([]);
});

test('unacknowledged: counts events, and has ids of the first ten clients', () => {
  const worker = new Worker();
  const gateway = worker.link();
  for (let connection = 0; connection < 20; connection++) {
    gateway.attach(connection);
    const context = worker.clients.find(gateway.idOf(connection));
    if (context === undefined) throw new Error('not attached');
    context.isBusy = connection % 4 !== 0;
    if (connection === 1) context.waiting = [{ kind: 'connected' }, { kind: 'connected' }];
  }
  const { events, clients, clientIds } = worker.clients.unacknowledged;
  expect([events, clients, clientIds.length]).toEqual([17, 15, 10]);
  expect(clientIds[0]).toBe(gateway.idOf(1));
});

test('lost gateway: hasLostClients is true until all clients are closed', () => {
  useFakeClock();
  const worker = new Worker();
  const gateway = worker.link();
  for (let connection = 0; connection < 100; connection++) gateway.attach(connection);
  expect(worker.clients.hasLostClients).toBe(false);
  worker.alive.add(gateway.link.instanceId);
  worker.clients.removeLink(gateway.link);
  expect(worker.clients.hasLostClients).toBe(true);
  worker.alive.clear();
  worker.clients.closeLostClients();
  expect([worker.takeEvents().length, worker.clients.hasLostClients]).toEqual([64, true]);
  vi.advanceTimersToNextTimer();
  expect([worker.takeEvents().length, worker.clients.hasLostClients]).toEqual([36, false]);
});
