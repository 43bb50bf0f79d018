import { Socket } from 'node:net';
import { createLogger, FlushScheduler, FrameConnection } from '@gatewayworker/core';
import {
  ByteReader,
  Command,
  FrameDecoder,
  PayloadFlag,
  packValue,
  readMessage,
} from '@gatewayworker/protocol';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ClientConnection } from './client-connection.ts';
import { EventDispatcher, type EventDispatcherOptions } from './event-dispatcher.ts';
import { LimitCounters } from './limit-counters.ts';
import { WorkerLink } from './worker-link.ts';
import { WorkerPool } from './worker-pool.ts';
import { LeastConnectionsRouter } from './worker-router.ts';

const closure = { by: 'client', code: 1000, reason: 'bye' } as const;

/** A socket in memory. Its kernel takes everything at once, or nothing while it is full. */
class MemorySocket extends Socket {
  readonly written: Buffer[] = [];
  isFull = false;
  #waiting: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const finish = (): void => {
      this.written.push(Buffer.from(chunk));
      done();
    };
    if (this.isFull) this.#waiting = finish;
    else finish();
  }

  async accept(): Promise<void> {
    this.isFull = false;
    this.#waiting?.();
    await new Promise((resolve) => process.nextTick(() => process.nextTick(resolve)));
  }
}

/** A worker at the other end of a socket in memory. */
class Worker {
  readonly socket = new MemorySocket();
  readonly link: WorkerLink;
  #consumed = 0;

  constructor(id: number) {
    this.link = new WorkerLink(new FrameConnection(this.socket, new FlushScheduler()), {
      type: 'hello',
      version: 1,
      role: 'worker',
      instanceId: `instance-${id}`,
      name: 'worker',
      id,
      nonce: Buffer.alloc(32),
    });
  }

  /** What it was sent since the last call, one short line per frame. */
  take(): string[] {
    this.link.connection.output.flush();
    const lines: string[] = [];
    const decoder = new FrameDecoder((command, buffer, start, end) => {
      lines.push(describeFrame(command, buffer, start, end));
      return undefined;
    });
    const all = Buffer.concat(this.socket.written);
    decoder.push(all.subarray(this.#consumed));
    this.#consumed = all.length;
    return lines;
  }
}

function describeFrame(command: number, buffer: Buffer, start: number, end: number): string {
  const reader = new ByteReader().reset(buffer, start, end);
  if (command === Command.ClientConnected) {
    return `${reader.readU32()} connected${reader.readU8() === 0 ? '' : ' again'}`;
  }
  if (command === Command.ClientMessage) {
    const connection = reader.readU32();
    const flags = reader.readU8();
    const kind = (flags & PayloadFlag.Binary) === 0 ? 'text' : 'binary';
    const again = (flags & PayloadFlag.Redelivered) === 0 ? '' : ' again';
    return `${connection} ${kind} ${reader.readRestUtf8()}${again}`;
  }
  const message = readMessage(command, buffer, start, end);
  if (message?.type === 'clientAttached') return `${message.connection} attached`;
  if (message?.type === 'clientClosed')
    return `${message.connection} closed by ${message.by}${message.isRedelivered ? ' again' : ''}`;
  return `another command: ${command}`;
}

/** A client whose socket tells only whether it is read from. */
class Client extends ClientConnection {
  readonly pauses: boolean[];

  constructor(connection: number, request?: { url: string; headers: Record<string, string> }) {
    const pauses: boolean[] = [];
    super(
      { connection, nonceHigh: 7, nonceLow: 8 },
      {
        remoteAddress: '10.0.0.9',
        remotePort: 5555,
        listenPort: 8282,
        request,
        pendingBytes: 0,
        bytesRead: 0,
        bytesWritten: 0,
        ping: () => undefined,
        sendFrame: () => undefined,
        sendMessage: () => undefined,
        flush: () => undefined,
        setPaused: (isPaused) => pauses.push(isPaused),
        close: () => undefined,
        destroy: () => undefined,
      },
    );
    this.pauses = pauses;
  }
}

function create(options: Partial<EventDispatcherOptions> = {}): EventDispatcher {
  const limits = { maxEventsInFlight: 64, maxHeldBytes: 100_000, sendToWorkerBufferSize: 100_000 };
  const logger = createLogger({ stdout: false });
  const workers = new WorkerPool(new LeastConnectionsRouter());
  const context = { workers, limits: new LimitCounters(), logger };
  return new EventDispatcher({ ...limits, ...options }, context);
}

function say(dispatcher: EventDispatcher, client: ClientConnection, text: string): void {
  dispatcher.dispatchMessage(client, Buffer.from(text), false);
}

/** Fakes the end of a turn: clients are bound a few per turn. */
function holdTurn(): () => void {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return () => vi.runOnlyPendingTimers();
}

test('attaches a client before its first event, once, and keeps the order of its events', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  say(dispatcher, client, 'a');
  dispatcher.dispatchMessage(client, Buffer.from('b'), true);
  dispatcher.dispatchClosed(client, closure);
  expect(worker.take()).toEqual([
    '1 attached',
    '1 connected',
    '1 text a',
    '1 binary b',
    '1 closed by client',
  ]);
});

test('tells the worker all that it must know of a client', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const request = { url: '/', headers: { host: 'x' } };
  const client = new Client(1, request);
  client.uid = 'u';
  client.session.replace({ a: 1 });
  dispatcher.dispatchConnected(client);
  worker.link.connection.output.flush();
  const [sent] = worker.socket.written;
  const bytes = sent ?? Buffer.alloc(4);
  const end = 4 + bytes.readUInt32BE(0);
  expect(readMessage(Command.ClientAttached, bytes, 5, end)).toEqual({
    type: 'clientAttached',
    connection: 1,
    nonceHigh: 7,
    nonceLow: 8,
    remoteAddress: '10.0.0.9',
    remotePort: 5555,
    gatewayPort: 8282,
    request: packValue(request),
    uid: 'u',
    session: packValue({ a: 1 }),
  });
});

test('spreads clients over workers and keeps each with its own', () => {
  const dispatcher = create();
  const workers = [new Worker(0), new Worker(1)];
  for (const { link } of workers) dispatcher.addWorker(link);
  const clients = Array.from({ length: 10 }, (_, i) => new Client(i));
  for (let round = 0; round < 3; round++) {
    for (const client of clients) say(dispatcher, client, `${round}`);
  }
  for (const worker of workers) {
    expect(worker.link.clients.size).toBe(5);
    expect(worker.take()).toHaveLength(5 + 15);
  }
});

test('holds events while no worker is there, and gives them to the next in their order', () => {
  const dispatcher = create();
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  const payload = Buffer.from('a');
  dispatcher.dispatchMessage(client, payload, false);
  payload.fill('!');
  say(dispatcher, client, 'b');
  expect(dispatcher.eventsInFlight).toBe(3);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  say(dispatcher, client, 'c');
  expect(worker.take()).toEqual(['1 attached', '1 connected', '1 text a', '1 text b', '1 text c']);
  expect(dispatcher.eventsInFlight).toBe(4);
  expect(worker.link.eventsInFlight).toBe(4);
});

test('gives a worker the end of a client that came and went while no worker was there', () => {
  const dispatcher = create();
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  dispatcher.dispatchClosed(client, closure);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  expect(worker.take()).toEqual(['1 attached', '1 connected', '1 closed by client']);
  expect(worker.link.clients.size).toBe(0);
});

test('counts what is not finished, and forgets what is', () => {
  const dispatcher = create();
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  for (const text of ['a', 'b', 'c']) say(dispatcher, client, text);
  expect([dispatcher.eventsInFlight, client.eventsInFlight]).toEqual([3, 3]);
  dispatcher.handleFinished(worker.link, client, 2);
  expect([dispatcher.eventsInFlight, client.eventsInFlight]).toEqual([1, 1]);
  dispatcher.handleFinished(worker.link, undefined, 1);
  expect(dispatcher.eventsInFlight).toBe(0);
});

test('stops reading from a client with too many events, and reads on when half are finished', () => {
  const dispatcher = create({ maxEventsInFlight: 4 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [busy, other] = [new Client(1), new Client(2)];
  for (const text of ['a', 'b', 'c']) say(dispatcher, busy, text);
  say(dispatcher, other, 'x');
  expect(busy.pauses).toEqual([]);
  say(dispatcher, busy, 'd');
  say(dispatcher, busy, 'e');
  expect(busy.pauses).toEqual([true]);
  dispatcher.handleFinished(worker.link, busy, 2);
  expect(busy.pauses).toEqual([true]);
  dispatcher.handleFinished(worker.link, busy, 1);
  expect(busy.pauses).toEqual([true, false]);
  expect(other.pauses).toEqual([]);
});

test('stops reading from those whose events no longer fit while no worker is there', () => {
  const dispatcher = create({ maxHeldBytes: 1000 });
  const [small, large] = [new Client(1), new Client(2)];
  say(dispatcher, small, 'x');
  say(dispatcher, large, 'x'.repeat(1000));
  expect([small.pauses, large.pauses]).toEqual([[], [true]]);
  say(dispatcher, small, 'y');
  expect(small.pauses).toEqual([true]);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  expect([small.pauses, large.pauses]).toEqual([
    [true, false],
    [true, false],
  ]);
  expect(worker.take()).toHaveLength(5);
});

test('counts an empty event that is held too', () => {
  const dispatcher = create({ maxHeldBytes: 1000, maxEventsInFlight: 1000 });
  const client = new Client(1);
  for (let i = 0; i < 100; i++) say(dispatcher, client, '');
  expect(client.pauses).toEqual([true]);
});

test('stops reading from a client whose worker reads too slowly, and reads on when it has', async () => {
  const dispatcher = create({ sendToWorkerBufferSize: 1024 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const [first, second] = [new Client(1), new Client(2)];
  worker.socket.isFull = true;
  say(dispatcher, first, 'x'.repeat(800));
  say(dispatcher, second, 'x'.repeat(800));
  expect([first.pauses, second.pauses]).toEqual([[], [true]]);
  await worker.socket.accept();
  expect([first.pauses, second.pauses]).toEqual([[], [true, false]]);
});

test('reads on from a client whose many bytes the kernel takes at once', async () => {
  const dispatcher = create({ sendToWorkerBufferSize: 1024 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  for (let i = 0; i < 10; i++) say(dispatcher, client, 'x'.repeat(800));
  worker.link.connection.output.flush();
  await worker.socket.accept();
  expect(client.pauses.at(-1) ?? false).toBe(false);
  expect(worker.take()).toHaveLength(11);
});

test('stays paused while one of several reasons holds', async () => {
  const dispatcher = create({ sendToWorkerBufferSize: 1024, maxEventsInFlight: 2 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  worker.socket.isFull = true;
  say(dispatcher, client, 'x'.repeat(2000));
  say(dispatcher, client, 'y');
  await worker.socket.accept();
  expect(client.pauses).toEqual([true]);
  dispatcher.handleFinished(worker.link, client, 2);
  expect(client.pauses).toEqual([true, false]);
});

test('moves the clients of a worker that is gone to another, without a second onConnect', () => {
  const dispatcher = create({ maxEventsInFlight: 2 });
  const [first, second] = [new Worker(0), new Worker(1)];
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  say(dispatcher, client, 'lost');
  expect(client.pauses).toEqual([true]);
  dispatcher.addWorker(second.link);
  dispatcher.removeWorker(first.link);
  expect(client.pauses).toEqual([true, false]);
  expect(dispatcher.lostEvents).toBe(2);
  say(dispatcher, client, 'next');
  expect(second.take()).toEqual(['1 attached', '1 text next']);
  expect(dispatcher.eventsInFlight).toBe(1);
  // What the dead worker's link still holds counts for nobody.
  dispatcher.handleFinished(first.link, client, 2);
  expect(client.eventsInFlight).toBe(1);
});

test('keeps the clients of the last worker that is gone, and holds their events', () => {
  const dispatcher = create();
  const [first, second] = [new Worker(0), new Worker(1)];
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  dispatcher.handleFinished(first.link, client, 1);
  dispatcher.removeWorker(first.link);
  say(dispatcher, client, 'held');
  expect(dispatcher.eventsInFlight).toBe(1);
  dispatcher.addWorker(second.link);
  expect(second.take()).toEqual(['1 attached', '1 text held']);
  expect(dispatcher.lostEvents).toBe(0);
});

test('reads on from clients that waited for room on the link of a worker that is gone', () => {
  const dispatcher = create({ sendToWorkerBufferSize: 1024 });
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const client = new Client(1);
  worker.socket.isFull = true;
  say(dispatcher, client, 'x'.repeat(2000));
  dispatcher.removeWorker(worker.link);
  expect(client.pauses).toEqual([true, false]);
});

test('takes a worker that says twice that it is ready for one', () => {
  const dispatcher = create();
  const [first, second] = [new Worker(0), new Worker(1)];
  for (const { link } of [first, first, second]) dispatcher.addWorker(link);
  for (let i = 0; i < 10; i++) say(dispatcher, new Client(i), 'x');
  expect([first.link.clients.size, second.link.clients.size]).toEqual([5, 5]);
  expect(dispatcher.eventsInFlight).toBe(10);
});

test('binds many waiting clients over several turns, and each at once that has an event', () => {
  const endTurn = holdTurn();
  const dispatcher = create({ maxHeldBytes: 10_000_000 });
  const clients = Array.from({ length: 1000 }, (_, i) => new Client(i));
  for (const client of clients) dispatcher.dispatchConnected(client);
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const boundAtOnce = worker.link.clients.size;
  expect(boundAtOnce).toBeGreaterThan(0);
  expect(boundAtOnce).toBeLessThan(500);
  const last = clients[999] ?? new Client(0);
  say(dispatcher, last, 'hurry');
  expect(worker.take().slice(-3)).toEqual(['999 attached', '999 connected', '999 text hurry']);
  for (let turn = 0; turn < 10; turn++) endTurn();
  expect(worker.link.clients.size).toBe(1000);
  expect(dispatcher.eventsInFlight).toBe(1001);
});

test('binds nobody any more when it is closed', () => {
  const endTurn = holdTurn();
  const dispatcher = create({ maxHeldBytes: 10_000_000 });
  for (let i = 0; i < 1000; i++) dispatcher.dispatchConnected(new Client(i));
  const worker = new Worker(0);
  dispatcher.addWorker(worker.link);
  const bound = worker.link.clients.size;
  dispatcher.close();
  endTurn();
  expect(worker.link.clients.size).toBe(bound);
});

/** A worker whose unfinished events are given to others. */
class SafeWorker extends Worker {
  constructor(id: number) {
    super(id);
    this.link.redelivers = true;
  }
}

test('gives what a worker had not finished to the next one, in order and before newer events', () => {
  const dispatcher = create();
  const [first, second] = [new SafeWorker(0), new SafeWorker(1)];
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  for (const text of ['a', 'b', 'c']) say(dispatcher, client, text);
  dispatcher.handleFinished(first.link, client, 2);
  dispatcher.removeWorker(first.link);
  say(dispatcher, client, 'd');
  dispatcher.addWorker(second.link);
  expect(second.take()).toEqual(['1 attached', '1 text b again', '1 text c again', '1 text d']);
  expect(dispatcher.lostEvents).toBe(0);
  expect(client.eventsInFlight).toBe(3);
  dispatcher.handleFinished(second.link, client, 3);
  expect(dispatcher.eventsInFlight).toBe(0);
  expect(client.unfinished).toBeUndefined();
});

test('gives the end of a client to the next worker too', () => {
  const dispatcher = create();
  const [first, second] = [new SafeWorker(0), new SafeWorker(1)];
  dispatcher.addWorker(first.link);
  const client = new Client(1);
  dispatcher.dispatchConnected(client);
  dispatcher.dispatchClosed(client, closure);
  dispatcher.removeWorker(first.link);
  dispatcher.addWorker(second.link);
  expect(second.take()).toEqual(['1 attached', '1 connected again', '1 closed by client again']);
  dispatcher.handleFinished(second.link, client, 2);
  expect(second.link.leaving.size).toBe(0);
  expect(dispatcher.eventsInFlight).toBe(0);
});

test('drops an event that three workers have died of, and goes on with the next', () => {
  const dispatcher = create();
  const client = new Client(1);
  const workers = Array.from({ length: 4 }, (_, id) => new SafeWorker(id));
  dispatcher.dispatchConnected(client);
  for (const worker of workers.slice(0, 3)) {
    dispatcher.addWorker(worker.link);
    if (worker === workers[0]) {
      dispatcher.handleFinished(worker.link, client, 1);
      say(dispatcher, client, 'poison');
    }
    expect(worker.take().at(-1)).toMatch(/poison/);
    dispatcher.removeWorker(worker.link);
  }
  say(dispatcher, client, 'next');
  const last = workers[3] ?? new SafeWorker(3);
  dispatcher.addWorker(last.link);
  expect(last.take()).toEqual(['1 attached', '1 text next']);
  expect(dispatcher.lostEvents).toBe(1);
});
