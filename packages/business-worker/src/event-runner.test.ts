import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  Command,
  emptyDelta,
  FrameDecoder,
  packValue,
  type SessionDelta,
  unpackSessionDelta,
} from '@gatewayworker/protocol';
import { eventually } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ClientContext, type ClientEvent } from './client-context.ts';
import type { EventHandler } from './event-handler.ts';
import { EventRunner } from './event-runner.ts';
import { RequestError } from './request-error.ts';

/** A socket in memory that records the written bytes. */
class MemorySocket extends Socket {
  readonly written: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(Buffer.from(chunk));
    done();
  }
}

/** A promise that the test settles. */
class Gate {
  open: () => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;
  readonly promise: Promise<void> = new Promise((resolve, reject) => {
    this.open = resolve;
    this.fail = reject;
  });
}

/** Runs the reactions of all settled promises. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** A runner with its log file, and clients of one gateway link in memory. */
class Fixture {
  /** Actions of the callbacks and the runner, in order. */
  readonly log: string[] = [];
  /** Bytes queued for the gateway when each event was acknowledged. */
  readonly queuedWhenDone: number[] = [];
  readonly runner: EventRunner;
  readonly #folder = mkdtempSync(join(tmpdir(), 'gatewayworker-runner-'));
  readonly #socket = new MemorySocket();
  readonly #link: GatewayLink = {
    connection: new FrameConnection(this.#socket, new FlushScheduler()),
    address: '127.0.0.1:2000',
    instanceId: 'instance',
    gatewayToken: 1,
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

  constructor(events: (log: string[]) => EventHandler) {
    onTestFinished(() => rmSync(this.#folder, { recursive: true }));
    this.runner = new EventRunner({
      events: events(this.log),
      guard: new Guard(),
      logger: createLogger({ file: join(this.#folder, 'log'), stdout: false }),
      onFailed: ({ connection }) => void this.log.push(`${connection} failed`),
      onReply: ({ connection }, number, { data, isFailed }) => {
        this.log.push(`${connection} reply ${number} ${isFailed ? 'failed ' : ''}${data}`);
      },
      onRefused: ({ connection }) => void this.log.push(`${connection} refused`),
      onAcknowledge: (context, event) => {
        this.log.push(`${context.connection} ${event.kind} done`);
        this.queuedWhenDone.push(this.#link.connection.output.pendingBytes);
      },
    });
    onTestFinished(() => this.runner.closeLog());
  }

  client(
    connection: number,
    session?: Record<string, unknown>,
    request?: Uint8Array,
  ): ClientContext {
    const attached = {
      type: 'clientAttached',
      connection,
      nonceHigh: 2,
      nonceLow: 3,
      remoteAddress: '::1',
      remotePort: 1,
      gatewayPort: 8282,
      request,
      uid: undefined,
      session: session === undefined ? undefined : packValue(session),
    } as const;
    const gateway = new GatewayClient(() => {
      throw new GatewayWorkerError('GW_ERR_NOT_IN_WORKER');
    });
    return new ClientContext(this.#link, attached, gateway);
  }

  receive(context: ClientContext, message: string): void {
    this.runner.run(context, { kind: 'message', message, byteLength: message.length, number: 0 });
  }

  logLines(): unknown[] {
    const file = join(this.#folder, 'log');
    // The first line creates the file.
    const text = existsSync(file) ? readFileSync(file, 'utf8').trimEnd() : '';
    return text === '' ? [] : text.split('\n').map((line): unknown => JSON.parse(line));
  }

  closeLink(): void {
    this.#link.connection.close();
  }

  /** The session deltas sent to the gateway. */
  storedDeltas(): { connection: number; delta: SessionDelta }[] {
    this.#link.connection.output.flush();
    const deltas: ReturnType<Fixture['storedDeltas']> = [];
    const decoder = new FrameDecoder((command, buffer, start, end) => {
      if (command !== Command.ApplySessionDelta) return undefined;
      const reader = new ByteReader().reset(buffer, start, end);
      const connection = reader.readU32();
      reader.readU32();
      reader.readU32();
      deltas.push({ connection, delta: unpackSessionDelta(reader.readRestBytes()) });
      return undefined;
    });
    decoder.push(Buffer.concat(this.#socket.written));
    return deltas;
  }
}

function set(values: Record<string, unknown>): SessionDelta {
  return { ...emptyDelta(), set: values };
}

const closed = { by: 'client', code: 1000 } as const;

test('runner: calls the callback of each event with the client', () => {
  const calls: unknown[][] = [];
  const fixture = new Fixture(() => ({
    onConnect: (...args) => void calls.push(['onConnect', ...args]),
    onMessage: (...args) => void calls.push(['onMessage', ...args]),
    onClose: (...args) => void calls.push(['onClose', ...args]),
  }));
  const client = fixture.client(1);
  const bytes = Buffer.from('b');
  fixture.runner.run(client, { kind: 'connected' });
  fixture.receive(client, 'a');
  fixture.runner.run(client, {
    kind: 'message',
    message: bytes,
    byteLength: bytes.length,
    number: 0,
  });
  expect(client.closed).toBeUndefined();
  fixture.runner.run(client, { kind: 'closed', closed });
  expect(calls).toEqual([
    ['onConnect', client.clientId, client],
    ['onMessage', client.clientId, 'a', client],
    ['onMessage', client.clientId, bytes, client],
    ['onClose', client.clientId, client],
  ]);
  expect(client.closed).toEqual(closed);
  expect(fixture.runner.completed).toBe(4);
});

/** The event of a request with JSON. */
function requestOf(number: number, json: string, requestType = 'sum'): ClientEvent {
  const payload = Buffer.from(json);
  const request = { number, requestType, payload, flags: 0 };
  return { kind: 'request', request, byteLength: payload.length };
}

test('runner: answers a request with the result of onRequest', async () => {
  const fixture = new Fixture(() => ({
    onRequest: (_id, type, data) => (type === 'slow' ? Promise.resolve(data) : [type, data]),
  }));
  const client = fixture.client(1);
  fixture.runner.run(client, requestOf(4, '{"a":1}'));
  expect(fixture.log).toEqual(['1 reply 4 ["sum",{"a":1}]', '1 request done']);
  fixture.runner.run(client, requestOf(5, '2', 'slow'));
  await eventually(() => fixture.log.length === 4);
  expect(fixture.log.slice(2)).toEqual(['1 reply 5 2', '1 request done']);
});

test('runner: every request is answered, whatever onRequest does', async () => {
  const errors: unknown[] = [];
  const outcomes: Record<string, () => unknown> = {
    throws: () => {
      throw new RequestError('not-found', 'no such thing');
    },
    rejects: () => Promise.reject(new RequestError('late')),
    fails: () => {
      throw new Error('a secret');
    },
    circular: () => {
      const value: { self?: unknown } = {};
      value.self = value;
      return Promise.resolve(value);
    },
  };
  const fixture = new Fixture(() => ({
    onRequest: (_id, type) => outcomes[type]?.(),
    onError: (error, { event }) => void errors.push([event, String(error).slice(0, 10)]),
  }));
  const client = fixture.client(1);
  const types = ['throws', 'rejects', 'fails', 'circular', 'unknown'];
  for (const [number, type] of types.entries()) {
    fixture.runner.run(client, requestOf(number + 1, '', type));
  }
  fixture.runner.run(client, requestOf(6, '{'));
  await eventually(() => fixture.log.length === 12);
  expect(fixture.log.filter((line) => line.includes('reply'))).toEqual([
    '1 reply 1 failed {"code":"not-found","message":"no such thing"}',
    '1 reply 2 failed {"code":"late","message":"late"}',
    '1 reply 3 failed {"code":"internal","message":"internal error"}',
    '1 reply 4 failed {"code":"internal","message":"internal error"}',
    '1 reply 5 ',
    '1 reply 6 failed {"code":"bad-request","message":"the data is not JSON"}',
  ]);
  // A RequestError is an answer, not a failure of the application.
  expect(errors).toEqual([
    ['onRequest', 'Error: a s'],
    ['onRequest', 'TypeError:'],
  ]);
});

test('runner: without onRequest a request fails', () => {
  const fixture = new Fixture(() => ({}));
  fixture.runner.run(fixture.client(1), requestOf(1, ''));
  expect(fixture.log).toEqual([
    '1 reply 1 failed {"code":"not-supported","message":"the application has no onRequest"}',
    '1 request done',
  ]);
});

test('runner: calls onDrop and onResume', () => {
  const fixture = new Fixture((log) => ({
    onDrop: (id) => void log.push(`drop ${id.length}`),
    onResume: (id, _ctx, { awayMs }) => void log.push(`resume ${id.length} ${awayMs}`),
  }));
  const client = fixture.client(1);
  fixture.runner.run(client, { kind: 'dropped' });
  fixture.runner.run(client, { kind: 'resumed', awayMs: 70 });
  expect(fixture.log).toEqual(['drop 20', '1 dropped done', 'resume 20 70', '1 resumed done']);
});

test.each<[string, () => unknown, boolean]>([
  ['false', () => false, true],
  ['a promise of false', () => Promise.resolve(false), true],
  ['an error', () => Promise.reject(new Error('no database')), true],
  ['an exception', () => JSON.parse('{'), true],
  ['undefined', () => undefined, false],
  ['0', () => 0, false],
])('runner: onResume that returns %s', async (_, onResume, isRefused) => {
  const fixture = new Fixture(() => ({ onResume, onError: () => undefined }));
  fixture.runner.run(fixture.client(1), { kind: 'resumed', awayMs: 0 });
  await eventually(() => fixture.log.includes('1 resumed done'));
  // The refusal is sent before the acknowledgement, which lets the client resume.
  expect(fixture.log).toEqual([...(isRefused ? ['1 refused'] : []), '1 resumed done']);
});

test('runner: acknowledges an event without a callback', () => {
  const fixture = new Fixture(() => ({}));
  fixture.receive(fixture.client(1), 'a');
  expect(fixture.log).toEqual(['1 message done']);
});

test('runner: completes synchronous callbacks at once, in order', () => {
  const fixture = new Fixture((log) => ({ onMessage: (_id, text) => void log.push(`${text}`) }));
  const client = fixture.client(1);
  fixture.receive(client, 'a');
  fixture.receive(client, 'b');
  expect(fixture.log).toEqual(['a', '1 message done', 'b', '1 message done']);
});

test('runner: runs the callbacks of one client one at a time', async () => {
  const gates = new Map([
    ['a', new Gate()],
    ['b', new Gate()],
  ]);
  const fixture = new Fixture((log) => ({
    onMessage: async (_id, text) => {
      log.push(`${text} begins`);
      await gates.get(String(text))?.promise;
      log.push(`${text} ends`);
    },
    onClose: () => void log.push('close'),
  }));
  const client = fixture.client(1);
  fixture.receive(client, 'a');
  fixture.receive(client, 'b');
  fixture.runner.run(client, { kind: 'closed', closed });
  await settle();
  expect(fixture.log).toEqual(['a begins']);
  expect([fixture.runner.running, fixture.runner.completed]).toEqual([1, 0]);
  gates.get('b')?.open();
  await settle();
  expect(fixture.log).toEqual(['a begins']);
  gates.get('a')?.open();
  await settle();
  expect(fixture.log.filter((line) => !line.endsWith('done'))).toEqual([
    'a begins',
    'a ends',
    'b begins',
    'b ends',
    'close',
  ]);
  expect([fixture.runner.running, fixture.runner.completed]).toEqual([0, 3]);
});

test('runner: keeps the order of synchronous and async callbacks', async () => {
  const gate = new Gate();
  const fixture = new Fixture((log) => ({
    onMessage: (_id, text) => {
      log.push(`${text}`);
      return text === 'slow' ? gate.promise : undefined;
    },
  }));
  const client = fixture.client(1);
  for (const text of ['1', 'slow', '2', '3', 'slow', '4']) fixture.receive(client, text);
  expect(fixture.log.filter((line) => !line.endsWith('done'))).toEqual(['1', 'slow']);
  gate.open();
  await settle();
  const order = ['1', 'slow', '2', '3', 'slow', '4'];
  expect(fixture.log).toEqual(order.flatMap((text) => [text, '1 message done']));
  fixture.receive(client, '5');
  expect(fixture.log.at(-2)).toBe('5');
});

test('runner: runs callbacks of different clients concurrently', async () => {
  const gate = new Gate();
  const fixture = new Fixture((log) => ({
    onMessage: (_id, text, { remotePort }) => {
      log.push(`${text} ${remotePort}`);
      return text === 'slow' ? gate.promise : undefined;
    },
  }));
  const [slow, fast] = [fixture.client(1), fixture.client(2)];
  fixture.receive(slow, 'slow');
  fixture.receive(slow, 'waits');
  fixture.receive(fast, 'a');
  fixture.receive(fast, 'b');
  expect(fixture.log).toEqual(['slow 1', 'a 1', '2 message done', 'b 1', '2 message done']);
  expect(fixture.runner.running).toBe(1);
  gate.open();
  await settle();
  expect(fixture.log.slice(-3)).toEqual(['1 message done', 'waits 1', '1 message done']);
});

test('runner: an event caused by a synchronous callback runs after it', () => {
  const fixture: Fixture = new Fixture((log) => ({
    onMessage: (_id, text) => {
      log.push(`${text} begins`);
      if (text === 'a') fixture.receive(client, 'b');
      log.push(`${text} ends`);
    },
  }));
  const client = fixture.client(1);
  fixture.receive(client, 'a');
  expect(fixture.log.filter((line) => !line.endsWith('done'))).toEqual([
    'a begins',
    'a ends',
    'b begins',
    'b ends',
  ]);
});

test('runner: after close no callback starts, and running ones complete', async () => {
  const gate = new Gate();
  const fixture = new Fixture((log) => ({
    onMessage: async (_id, message) => {
      log.push(`begin ${String(message)}`);
      await gate.promise;
    },
  }));
  const [busy, other] = [fixture.client(1), fixture.client(2)];
  fixture.receive(busy, 'a');
  fixture.receive(busy, 'b');
  fixture.runner.close();
  fixture.receive(other, 'c');
  gate.open();
  await settle();
  expect(fixture.log).toEqual(['begin a', '1 message done']);
  expect(fixture.runner.running).toBe(0);
});

test('runner: 20,000 waiting events do not exceed the stack', async () => {
  const gate = new Gate();
  let handled = 0;
  const fixture = new Fixture(() => ({
    onMessage: () => {
      handled += 1;
      return handled === 1 ? gate.promise : undefined;
    },
  }));
  const client = fixture.client(1);
  for (let i = 0; i < 20_000; i++) fixture.receive(client, 'x');
  gate.open();
  await settle();
  expect(handled).toBe(20_000);
  expect(client.waiting).toBeUndefined();
});

const failures: readonly (readonly [string, () => Promise<void> | undefined])[] = [
  [
    'throws',
    () => {
      throw new Error('boom');
    },
  ],
  ['rejects', () => Promise.reject(new Error('boom'))],
];

test.each(failures)(
  'runner: logs the error and continues when a callback %s',
  async (_what, fail) => {
    const fixture = new Fixture((log) => ({
      onMessage: (_id, text) => {
        if (text === 'bad') return fail();
        log.push(`${text}`);
        return undefined;
      },
    }));
    const [one, other] = [fixture.client(1), fixture.client(2)];
    for (const text of ['bad', 'good'])
      for (const client of [one, other]) fixture.receive(client, text);
    await settle();
    expect(fixture.log.filter((line) => line === 'good')).toHaveLength(2);
    expect(fixture.log.filter((line) => line.endsWith('done'))).toHaveLength(4);
    expect(fixture.runner.running).toBe(0);
    expect(fixture.logLines()).toMatchObject([
      { level: 50, event: 'onMessage', clientId: one.clientId, err: { message: 'boom' } },
    ]);
    fixture.runner.closeLog();
    expect(fixture.logLines().slice(1)).toMatchObject([
      { level: 50, event: 'onMessage', clientId: other.clientId, msg: 'onMessage failed' },
    ]);
  },
);

test('runner: a flood of errors is logged once for each callback', () => {
  const fail = (): never => {
    throw new Error(`bad ${'x'.repeat(1_000_000)}`);
  };
  const fixture = new Fixture(() => ({ onMessage: fail, onClose: fail }));
  const client = fixture.client(1);
  for (let i = 0; i < 100; i += 1) fixture.receive(client, '{bad');
  for (let i = 0; i < 100; i += 1) fixture.runner.run(client, { kind: 'closed', closed });
  const first = fixture.logLines();
  expect(first).toMatchObject([{ msg: 'onMessage failed' }, { msg: 'onClose failed' }]);
  expect(JSON.stringify(first)).toContain('event-runner.test.ts');
  fixture.runner.closeLog();
  const lines = fixture.logLines();
  expect(lines.slice(2)).toMatchObject([{ leftOut: 98 }, { leftOut: 98 }]);
  expect(JSON.stringify(lines).length).toBeLessThan(64 * 1024);
  expect(fixture.runner.completed).toBe(200);
});

test.each(failures)(
  'runner: calls onError instead of a log line when a callback %s',
  async (_what, fail) => {
    const errors: unknown[][] = [];
    const fixture = new Fixture(() => ({
      onConnect: fail,
      onClose: fail,
      onError: (...args) => void errors.push(args),
    }));
    const client = fixture.client(1);
    fixture.runner.run(client, { kind: 'connected' });
    fixture.runner.run(client, { kind: 'closed', closed });
    await settle();
    const { clientId } = client;
    expect(errors).toEqual([
      [new Error('boom'), { event: 'onConnect', clientId }],
      [new Error('boom'), { event: 'onClose', clientId }],
    ]);
    expect(fixture.logLines()).toEqual([]);
  },
);

test.each(failures)(
  'runner: the error names the callback of a new client that %s',
  async (_what, fail) => {
    const calls: string[] = [];
    const errors: unknown[][] = [];
    const fixture = new Fixture(() => ({
      onConnect: (id) => {
        calls.push('onConnect');
        return id === both.clientId || id === first.clientId ? fail() : undefined;
      },
      onWebSocketConnect: (id) => {
        calls.push('onWebSocketConnect');
        return id === both.clientId || id === second.clientId ? fail() : undefined;
      },
      onError: (_error, { event, clientId }) => void errors.push([event, clientId]),
    }));
    const request = packValue({ url: '/', headers: {} });
    const [first, second, both] = [1, 2, 3].map((id) => fixture.client(id, undefined, request)) as [
      ClientContext,
      ClientContext,
      ClientContext,
    ];
    for (const client of [first, second, both]) {
      fixture.runner.run(client, { kind: 'connected' });
      await settle();
    }
    expect(calls).toEqual(Array(3).fill(['onConnect', 'onWebSocketConnect']).flat());
    expect(errors).toEqual([
      ['onConnect', first.clientId],
      ['onWebSocketConnect', second.clientId],
      ['onConnect', both.clientId],
      ['onWebSocketConnect', both.clientId],
    ]);
    expect(fixture.runner.running).toBe(0);
    expect(fixture.log.filter((line) => line.endsWith('connected done'))).toHaveLength(3);
  },
);

test.each(failures)('runner: logs both errors when onError %s too', async (_what, fail) => {
  const fixture = new Fixture(() => ({
    onMessage: () => {
      throw new Error('first');
    },
    onError: fail,
  }));
  fixture.receive(fixture.client(1), 'x');
  await settle();
  expect(fixture.logLines()).toMatchObject([
    { msg: 'onMessage failed', err: { message: 'first' } },
    { msg: 'onError failed', err: { message: 'boom' } },
  ]);
  expect(fixture.runner.completed).toBe(1);
});

test('runner: onError gets the thrown value, the log an error', () => {
  const thrown: unknown[] = [];
  const throwText = (): void => {
    // biome-ignore lint/style/useThrowOnlyError: an application may throw anything
    throw 'text';
  };
  const reporting = new Fixture(() => ({
    onMessage: throwText,
    onError: (error) => void thrown.push(error),
  }));
  reporting.receive(reporting.client(1), 'x');
  expect(thrown).toEqual(['text']);
  const logging = new Fixture(() => ({ onMessage: throwText }));
  logging.receive(logging.client(1), 'x');
  expect(logging.logLines()).toMatchObject([{ err: { type: 'Error', message: 'text' } }]);
});

/** A callback that returns any value, as JavaScript allows. */
function answering(answer: unknown): EventHandler {
  const callbacks: Record<string, unknown> = { onMessage: () => answer };
  return Object.assign({}, callbacks);
}

/** An object that is a thenable if `then` is a function. */
function thenable(then: unknown): object {
  return Object.fromEntries([['then', then]]);
}

test('runner: waits for a thenable', async () => {
  const gate = new Gate();
  const answer = thenable((done: () => void) => void gate.promise.then(done));
  const fixture = new Fixture(() => answering(answer));
  fixture.receive(fixture.client(1), 'x');
  await settle();
  expect(fixture.log).toEqual([]);
  gate.open();
  await settle();
  expect(fixture.log).toEqual(['1 message done']);
});

function throwBoom(): never {
  throw new Error('boom');
}

test.each<[string, unknown, unknown[]]>([
  ['has a then that is no function', thenable(1), []],
  ['throws when it is awaited', thenable(throwBoom), ['boom', 'boom']],
])('runner: continues when a callback returns an object that %s', async (_what, answer, errors) => {
  const fixture = new Fixture(() => answering(answer));
  const client = fixture.client(1);
  fixture.receive(client, 'x');
  fixture.receive(client, 'y');
  await settle();
  expect(fixture.log).toEqual(['1 message done', '1 message done']);
  expect(fixture.runner.running).toBe(0);
  fixture.runner.closeLog();
  expect(fixture.logLines()).toMatchObject(errors.map((message) => ({ err: { message } })));
});

test('runner: stores session changes before the event is acknowledged', async () => {
  const gate = new Gate();
  const fixture = new Fixture(() => ({
    onMessage: async (_id, text, ctx) => {
      ctx.session = { ...ctx.session, [String(text)]: 1 };
      await gate.promise;
    },
  }));
  const client = fixture.client(7, { kept: true });
  fixture.receive(client, 'a');
  fixture.receive(client, 'b');
  await settle();
  expect(fixture.storedDeltas()).toEqual([]);
  gate.open();
  await settle();
  expect(fixture.queuedWhenDone).toHaveLength(2);
  expect(fixture.queuedWhenDone.every((bytes) => bytes > 0)).toBe(true);
  expect(fixture.storedDeltas()).toEqual([
    { connection: 7, delta: set({ a: 1 }) },
    { connection: 7, delta: set({ b: 1 }) },
  ]);
});

test('runner: stores session changes of a callback that fails', () => {
  const fixture = new Fixture(() => ({
    onMessage: (_id, _text, ctx) => {
      ctx.session = { a: 1 };
      throw new Error('boom');
    },
  }));
  fixture.receive(fixture.client(1), 'x');
  expect(fixture.storedDeltas()).toHaveLength(1);
});

test('runner: sends no delta without a change or for a closed client', () => {
  const fixture = new Fixture(() => ({
    onMessage: (_id, _text, ctx) => void ctx.session,
    onClose: (_id, ctx) => {
      ctx.session = { last: 1 };
    },
  }));
  const client = fixture.client(1, { a: 1 });
  fixture.receive(client, 'x');
  fixture.runner.run(client, { kind: 'closed', closed });
  expect(fixture.storedDeltas()).toEqual([]);
});

test('runner: sends nothing over a closed link', () => {
  const fixture = new Fixture(() => ({
    onMessage: (_id, _text, ctx) => {
      ctx.session = { a: 1 };
    },
  }));
  const client = fixture.client(1);
  fixture.closeLink();
  fixture.receive(client, 'x');
  expect(fixture.storedDeltas()).toEqual([]);
  expect(fixture.runner.completed).toBe(1);
});

test('runner: reports a session that cannot be stored with its callback', () => {
  const errors: unknown[] = [];
  const fixture = new Fixture(() => ({
    onMessage: (_id, _text, ctx) => {
      ctx.session = { bad: Symbol('s') };
    },
    onError: (_error, info) => void errors.push(info),
  }));
  const client = fixture.client(1, { a: 1 });
  fixture.receive(client, 'x');
  expect(errors).toEqual([{ event: 'onMessage', clientId: client.clientId }]);
  expect(client.session).toEqual({ a: 1 });
  expect(fixture.runner.completed).toBe(1);
});
