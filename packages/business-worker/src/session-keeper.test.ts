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
  Command,
  FrameDecoder,
  type Message,
  type ResumableInfo,
  readEventsAck,
  readMessage,
  type SessionState,
  writeClientDropped,
  writeClientResumed,
  writeGroupChange,
  writeMessage,
  writeNumberedMessage,
} from '@gatewayworker/protocol';
import { FaultyGuard } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { AttachedClients } from './attached-clients.ts';
import type { ClientContext, ClientEvent } from './client-context.ts';

/** Interval at which sessions without a gateway are sent to one, in milliseconds. */
const CHECK_MS = 10;

const clientId = 'AAAAABBBBBCCCCCDDDDD';
const secret = Buffer.from('the secret');
const wrongSecret = Buffer.from('no secret!');

/** A gateway in memory: what it sends to the worker, and what it receives. */
class MemoryGateway extends Socket {
  readonly link: GatewayLink;
  readonly #clients: AttachedClients;
  #received: Message[] = [];
  /** Connection and count of each acknowledgement. */
  readonly acks: [connection: number, count: number][] = [];

  constructor(clients: AttachedClients, instanceId: string) {
    super();
    this.#clients = clients;
    this.link = {
      connection: new FrameConnection(this, new FlushScheduler()),
      address: `10.0.0.1:${instanceId}`,
      instanceId,
      gatewayToken: 1,
      name: instanceId,
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
      if (command === Command.EventsAck) {
        const reader = new ByteReader().reset(buffer, start, end);
        readEventsAck(reader, (connection, count) => this.acks.push([connection, count]));
        return undefined;
      }
      const message = readMessage(command, buffer, start, end);
      // A copy, because the buffer is reused.
      if (message !== undefined) this.#received.push(structuredClone(message));
      return undefined;
    }).push(chunk);
    done();
  }

  /** Messages of the worker since the last call. */
  takeMessages(): Message[] {
    this.link.connection.output.flush();
    const received = this.#received;
    this.#received = [];
    return received;
  }

  /** The session that the worker has given to this gateway since the last call of `takeMessages`. */
  takeState(): SessionState | undefined {
    vi.advanceTimersByTime(CHECK_MS);
    for (const message of this.takeMessages()) {
      if (message.type === 'sessionFound') return message.state;
      if (message.type === 'sessionPark') return message.state;
    }
    return undefined;
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

  attach(connection: number, info: Partial<ResumableInfo> = {}): void {
    const resumable = {
      ...{ clientId, generation: 0, secret, previousSecret: undefined, received: 0 },
      ...{ windowMs: 10_000, ageMs: 500, uidAgeMs: 400, groups: [] },
      ...info,
    };
    this.send({
      ...{ type: 'clientAttached', connection, nonceHigh: 5, nonceLow: 6, remoteAddress: '::1' },
      ...{ remotePort: 1, gatewayPort: 8282, request: undefined, uid: 'anna', session: undefined },
      resumable,
    });
  }

  /** Attaches a session that the worker has given to this gateway. */
  attachState({ info }: SessionState, connection: number): void {
    this.attach(connection, info);
  }

  claim(requestId: number, claimed: Buffer = secret): void {
    this.send({ type: 'sessionClaim', requestId, clientId, secret: claimed });
  }

  message(connection: number, number: number): void {
    const header = { connection, flags: 0, number };
    this.sendFrame((writer) => writeNumberedMessage(writer, header, Buffer.from('text')));
  }

  closeClient(connection: number): void {
    const closure = { by: 'client', code: 1000, reason: '', isRedelivered: false } as const;
    this.send({ type: 'clientClosed', connection, ...closure });
  }
}

/** A worker with gateways, and the events of its clients. */
class Worker {
  readonly clients: AttachedClients;
  /** Events, with the gateway where the client is. */
  readonly events: string[] = [];
  readonly settled: string[] = [];
  /** Set while events are not completed at once. */
  isSlow = false;

  constructor(guard = new Guard()) {
    this.clients = new AttachedClients({
      gateway: new GatewayClient(() => {
        throw new GatewayWorkerError('GW_ERR_NOT_IN_WORKER');
      }),
      guard,
      logger: createLogger({ stdout: false }),
      onEvent: (context, event) => this.#handle(context, event),
      onSettled: (context) => this.settled.push(context.gatewayName),
      decide: undefined,
      isAlive: () => false,
      redelivers: false,
      decidesResumes: false,
    });
    onTestFinished(() => this.clients.close());
  }

  link(instanceId: string): MemoryGateway {
    const gateway = new MemoryGateway(this.clients, instanceId);
    this.clients.addLink(gateway.link);
    return gateway;
  }

  /** Ends the link of a gateway that has died. */
  lose(gateway: MemoryGateway): void {
    gateway.destroy();
    gateway.link.connection.destroy();
    this.clients.removeLink(gateway.link);
  }

  get context(): ClientContext | undefined {
    return this.clients.find(clientId);
  }

  #handle(context: ClientContext, event: ClientEvent): void {
    const by = event.kind === 'closed' ? ` ${event.closed.by}` : '';
    this.events.push(`${event.kind}${by}`);
    if (this.isSlow) {
      // As the runner does while a callback runs.
      if (context.isBusy) context.waiting = [...(context.waiting ?? []), event];
      context.isBusy = true;
      return;
    }
    if (event.kind === 'closed') context.closed = event.closed;
    this.clients.acknowledge(context, event);
  }

  /** Completes all events of a slow client. */
  complete(context: ClientContext, events: number): void {
    for (let count = 0; count < events; count += 1) {
      this.clients.acknowledge(context, { kind: 'dropped' });
      context.waiting?.shift();
    }
    context.isBusy = false;
  }
}

/** Replaces the clock until the test ends. */
function useFakeClock(): void {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

/** A client at the first of two gateways. */
function start(guard?: Guard): { worker: Worker; first: MemoryGateway; second: MemoryGateway } {
  useFakeClock();
  const worker = new Worker(guard);
  const [first, second] = [worker.link('first'), worker.link('second')];
  first.attach(7);
  return { worker, first, second };
}

/** The gateway releases the session that the worker has requested from it. */
function release(gateway: MemoryGateway, state: Partial<SessionState> | undefined): void {
  const request = gateway.takeMessages().find(({ type }) => type === 'sessionRelease');
  if (request?.type !== 'sessionRelease') throw new Error('no SessionRelease');
  const { requestId, connection } = request;
  gateway.send({ type: 'sessionReleased', requestId, connection, state: state && full(state) });
}

function full(state: Partial<SessionState>): SessionState {
  const info = {
    ...{ clientId, generation: 0, secret, previousSecret: undefined, received: 0 },
    ...{ windowMs: 10_000, ageMs: 600, uidAgeMs: 500, groups: [] },
  };
  return {
    ...{ info, uid: 'anna', session: undefined, request: undefined, remoteAddress: '::1' },
    ...{ remotePort: 1, gatewayPort: 8282, isParked: true, awayMs: 300 },
    ...state,
  };
}

test('session keeper: a claim moves the session to the gateway that claims it', () => {
  const { worker, first, second } = start();
  const { context } = worker;
  second.claim(3);
  expect(second.takeMessages()).toEqual([]);
  release(first, { isParked: true, awayMs: 300 });
  const [found] = second.takeMessages();
  expect(found).toMatchObject({
    ...{ type: 'sessionFound', requestId: 3, isKnown: true },
    state: { info: { clientId, generation: 1 }, uid: 'anna', isParked: true, awayMs: 300 },
  });
  second.attach(9, { generation: 1 });
  expect(worker.context).toBe(context);
  expect(context).toMatchObject({ gatewayName: 'second', connection: 9, isMoving: false });
  expect(worker.settled).toEqual(['second']);
  expect(worker.events).toEqual([]);
});

test('session keeper: a claim with a wrong secret is refused, and nothing moves', () => {
  const { worker, first, second } = start();
  second.claim(3, wrongSecret);
  second.claim(4, Buffer.alloc(0));
  expect(second.takeMessages()).toEqual([
    { type: 'sessionFound', requestId: 3, isKnown: true, state: undefined },
    { type: 'sessionFound', requestId: 4, isKnown: true, state: undefined },
  ]);
  expect(first.takeMessages()).toEqual([]);
  expect(worker.context?.isMoving).toBe(false);
});

test('session keeper: a claim of an unknown session is refused', () => {
  const { second } = start();
  second.send({ type: 'sessionClaim', requestId: 3, clientId: 'X'.repeat(20), secret });
  expect(second.takeMessages()).toEqual([
    { type: 'sessionFound', requestId: 3, isKnown: false, state: undefined },
  ]);
});

test('session keeper: the previous secret is valid until it is replaced', () => {
  const { first, second } = start();
  const next = Buffer.from('a new one!');
  first.send({ type: 'sessionSecret', connection: 7, secret: next, previousSecret: secret });
  second.claim(3, secret);
  expect(first.takeMessages()).toMatchObject([{ type: 'sessionRelease', connection: 7 }]);
  first.send({ type: 'sessionSecret', connection: 7, secret: next, previousSecret: undefined });
  const third = start();
  third.first.send({
    ...{ type: 'sessionSecret', connection: 7 },
    ...{ secret: next, previousSecret: undefined },
  });
  third.second.claim(4, secret);
  expect(third.second.takeMessages()).toMatchObject([{ requestId: 4, state: undefined }]);
});

test('session keeper: a gateway that does not release loses the session', () => {
  const { worker, first, second } = start();
  first.message(7, 1);
  first.sendFrame((writer) => writeGroupChange(writer, 7, { group: 'g', isMember: true }));
  second.claim(3);
  vi.advanceTimersByTime(999);
  expect(second.takeMessages()).toEqual([]);
  vi.advanceTimersByTime(2);
  const state = second.takeState();
  expect(state).toMatchObject({
    info: { generation: 1, received: 1, groups: [{ group: 'g' }] },
    isParked: false,
  });
  // Whatever the first gateway sends for the client now is ignored.
  first.message(7, 2);
  first.send({ type: 'sessionReleased', requestId: 1, connection: 7, state: full({}) });
  expect([first.takeMessages().length, second.takeMessages()]).toEqual([1, []]);
  second.attach(9, { generation: 1 });
  expect(worker.events).toEqual(['message']);
});

test('session keeper: a session that is released to a lost gateway is parked', () => {
  const { worker, first, second } = start();
  const third = worker.link('third');
  second.claim(3);
  worker.lose(second);
  release(first, {});
  const parked = [first.takeState(), third.takeState()].filter((state) => state !== undefined);
  expect(parked).toHaveLength(1);
  expect(parked[0]).toMatchObject({ info: { generation: 1 } });
});

test('session keeper: a client that ends while it is claimed is forgotten', () => {
  const { worker, first, second } = start();
  second.claim(3);
  first.closeClient(7);
  release(first, undefined);
  expect(second.takeMessages()).toEqual([
    { type: 'sessionFound', requestId: 3, isKnown: true, state: undefined },
  ]);
  expect(worker.events).toEqual(['closed client']);
  expect(worker.context).toBeUndefined();
  second.claim(4);
  expect(second.takeMessages()).toMatchObject([{ requestId: 4, isKnown: false }]);
});

test('session keeper: of two claims at once, the second waits for the move', () => {
  const { worker, first, second } = start();
  const third = worker.link('third');
  second.claim(3);
  third.claim(4);
  release(first, {});
  expect(third.takeMessages()).toEqual([]);
  const state = second.takeState();
  if (state !== undefined) second.attachState(state, 9);
  // The second claim moves it again, with the secret that the first one has used.
  expect(second.takeMessages()).toMatchObject([{ type: 'sessionRelease', connection: 9 }]);
  expect(third.takeMessages()).toEqual([]);
});

test('session keeper: a dead gateway leaves its sessions to another one', () => {
  const { worker, first, second } = start();
  first.message(7, 1);
  first.message(7, 2);
  vi.advanceTimersByTime(1000);
  worker.lose(first);
  vi.advanceTimersByTime(CHECK_MS);
  const [park] = second.takeMessages();
  expect(park).toMatchObject({
    type: 'sessionPark',
    state: {
      info: { clientId, generation: 1, received: 2, ageMs: 1510, uidAgeMs: 1410 },
      ...{ isParked: false, awayMs: CHECK_MS },
    },
  });
  expect([worker.clients.sessions.held, worker.events]).toEqual([1, ['message', 'message']]);
  second.attach(9, { generation: 1 });
  expect([worker.clients.sessions.held, worker.context?.gatewayName]).toEqual([0, 'second']);
});

test('session keeper: without another gateway, sessions wait for one', () => {
  const { worker, first, second } = start();
  worker.lose(second);
  worker.lose(first);
  vi.advanceTimersByTime(5000);
  expect(worker.events).toEqual([]);
  const next = worker.link('next');
  expect(next.takeState()).toMatchObject({ info: { generation: 1 }, awayMs: 5000 + CHECK_MS });
});

test('session keeper: a claim gets a session that waits for a gateway', () => {
  const { worker, first, second } = start();
  worker.lose(second);
  worker.lose(first);
  const next = worker.link('next');
  next.claim(3);
  expect(next.takeState()).toMatchObject({ info: { generation: 1 } });
});

test('session keeper: a gateway that does not attach loses the session to the next', () => {
  const { worker, first, second } = start();
  const third = worker.link('third');
  worker.lose(first);
  const taken = [second.takeState(), third.takeState()];
  expect(taken.filter((state) => state !== undefined)).toHaveLength(1);
  vi.advanceTimersByTime(3100);
  const again = [second.takeState(), third.takeState()];
  expect(again.findIndex((state) => state !== undefined)).toBe(
    1 - taken.findIndex((state) => state !== undefined),
  );
  // The first answer is outdated now.
  const late = taken[0] === undefined ? third : second;
  late.attach(9, { generation: 1 });
  expect(late.takeMessages()).toMatchObject([
    { type: 'sessionRelease', requestId: 0, connection: 9, secret: new Uint8Array() },
  ]);
  expect(worker.clients.sessions.held).toBe(1);
});

test('session keeper: the window ends with one onClose', () => {
  const { worker, first, second } = start();
  worker.lose(second);
  worker.lose(first);
  vi.advanceTimersByTime(9990);
  expect(worker.events).toEqual([]);
  vi.advanceTimersByTime(100);
  expect(worker.events).toEqual(['closed expired']);
  expect([worker.context, worker.clients.sessions.held]).toEqual([undefined, 0]);
  vi.advanceTimersByTime(60_000);
  expect(worker.events).toHaveLength(1);
});

test('session keeper: a parked client keeps its window when its gateway dies', () => {
  const { worker, first, second } = start();
  first.sendFrame((writer) => writeClientDropped(writer, 7, false));
  vi.advanceTimersByTime(4000);
  worker.lose(first);
  expect(second.takeState()).toMatchObject({ isParked: true, awayMs: 4000 + CHECK_MS });
  vi.advanceTimersByTime(6200);
  expect(worker.events).toEqual(['dropped', 'closed expired']);
});

test('session keeper: a client that has resumed is not parked when its gateway dies', () => {
  const { worker, first, second } = start();
  first.sendFrame((writer) => writeClientDropped(writer, 7, false));
  vi.advanceTimersByTime(4000);
  first.sendFrame((writer) =>
    writeClientResumed(writer, 7, { isRedelivered: false, awayMs: 4000 }),
  );
  vi.advanceTimersByTime(4000);
  worker.lose(first);
  expect(second.takeState()).toMatchObject({ isParked: false, awayMs: CHECK_MS });
});

test('session keeper: a worker that stops ends the sessions without a gateway', () => {
  const { worker, first, second } = start();
  worker.lose(second);
  worker.lose(first);
  worker.clients.sessions.close();
  expect(worker.events).toEqual(['closed server']);
});

test('session keeper: a gateway that stops gives its sessions to another one', () => {
  const { worker, first, second } = start();
  const state = full({ isParked: false, awayMs: 0 });
  first.send({ type: 'sessionReleased', requestId: 0, connection: 7, state });
  expect(first.takeMessages()).toEqual([]);
  expect(second.takeState()).toMatchObject({ info: { generation: 1 }, isParked: false });
  expect(worker.events).toEqual([]);
});

test('session keeper: a client that has another worker is forgotten', () => {
  const { worker, first } = start();
  first.sendFrame((writer) => {
    writer.writeU32(5);
    writer.writeU8(Command.ClientDetached);
    writer.writeU32(7);
  });
  expect(worker.context).toBeUndefined();
});

test('session keeper: raw clients of a lost gateway are closed', () => {
  const { worker, first } = start();
  first.send({
    ...{ type: 'clientAttached', connection: 8, nonceHigh: 5, nonceLow: 6, remoteAddress: '::1' },
    ...{ remotePort: 1, gatewayPort: 8282, request: undefined, uid: undefined },
    ...{ session: undefined, resumable: undefined },
  });
  worker.lose(first);
  expect(worker.events).toEqual(['closed gateway-lost']);
});

test('session keeper: acks go to the gateway that has sent the event', () => {
  const { worker, first, second } = start();
  worker.isSlow = true;
  first.message(7, 1);
  second.claim(3);
  release(first, {});
  second.attach(9, { generation: 1 });
  second.sendFrame((writer) => writeClientResumed(writer, 9, { isRedelivered: false, awayMs: 1 }));
  // And on to a third one, while the first event still runs.
  const third = worker.link('third');
  third.claim(4);
  release(second, {});
  third.attach(11, { generation: 2 });
  third.sendFrame((writer) => writeClientResumed(writer, 11, { isRedelivered: false, awayMs: 1 }));
  third.message(11, 2);
  const { context } = worker;
  if (context !== undefined) worker.complete(context, 4);
  for (const gateway of [first, second, third]) gateway.takeMessages();
  expect([first.acks, second.acks, third.acks]).toEqual([[[7, 1]], [[9, 1]], [[11, 2]]]);
});

test('exception at held sessions: is logged, and the check goes on', () => {
  const guard = new FaultyGuard();
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const { worker, first, second } = start(guard);
  worker.lose(second);
  worker.lose(first);
  const next = worker.link('next');
  guard.arm('held sessions');
  vi.advanceTimersByTime(CHECK_MS);
  expect([guard.thrown, next.takeMessages()]).toEqual([1, []]);
  expect(next.takeState()).toMatchObject({ info: { generation: 1 } });
  expect(warnings).toHaveBeenCalledOnce();
});

test('exception at session release: ends that session only', () => {
  const guard = new FaultyGuard();
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const { worker, second } = start(guard);
  second.claim(3);
  second.claim(4);
  guard.arm('session release');
  vi.advanceTimersByTime(1001);
  expect(guard.thrown).toBe(1);
  expect(worker.events).toEqual(['closed server']);
  expect(worker.context).toBeUndefined();
  expect(second.takeMessages()).toMatchObject([{ requestId: 4, isKnown: false }]);
});
