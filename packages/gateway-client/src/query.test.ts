import { Socket } from 'node:net';
import {
  createLogger,
  FlushScheduler,
  FrameConnection,
  GatewayWorkerError,
  PartialResultError,
  type RequestTable,
} from '@gatewayworker/core';
import {
  type AskedQuery,
  FrameDecoder,
  formatClientId,
  readMessage,
  writeSendToAll,
} from '@gatewayworker/protocol';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parseBoolean, parseCount, parseStrings } from './answer.ts';
import { GatewayLink } from './gateway-link.ts';
import { GatewayPool } from './gateway-pool.ts';
import { sum } from './merge.ts';
import { askAboutKeys, askEveryGateway, askGatewayOf } from './query.ts';

/** How a gateway handles a query. */
type Reaction = (requests: RequestTable, requestId: number) => void;

function answers(answer: unknown): Reaction {
  return (requests, requestId) => requests.resolve(requestId, answer);
}

function fails(error: Error): Reaction {
  return (requests, requestId) => requests.reject(requestId, error);
}

const doesNotAnswer: Reaction = () => undefined;

/** A gateway in memory that reads the queries written to its link and reacts. */
class MemoryGateway extends Socket {
  readonly asked: AskedQuery[] = [];
  readonly link: GatewayLink;
  readonly #decoder: FrameDecoder;

  constructor(gatewayToken: number, react: Reaction, host = `10.0.0.${gatewayToken}`) {
    super();
    this.#decoder = new FrameDecoder((...frame) => {
      const message = readMessage(...frame);
      if (message === undefined) return undefined;
      if (message.type !== 'query') throw new Error('not a query');
      this.asked.push(message.query);
      react(this.link.requests, message.requestId);
      return undefined;
    });
    this.link = new GatewayLink(new FrameConnection(this, new FlushScheduler()), {
      address: `${host}:2900`,
      instanceId: `instance-${gatewayToken}`,
      gatewayToken,
      name: 'gateway',
    });
    // Rejects pending requests, so that no timer is left.
    onTestFinished(() => this.link.handleClosed(undefined));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#decoder.push(chunk);
    done();
  }
}

/** A pool with fixed links, which dials no gateway. */
class LinkedPool extends GatewayPool {
  gateways: readonly MemoryGateway[];
  /** Called while a query waits for a link. */
  onAttempt = (): void => undefined;
  /** Addresses of gateways that have ended. */
  readonly gone = new Set<string>();
  readonly #unlinked: readonly string[];
  /** Tokens of live gateways without a link, with their addresses. */
  readonly unlinkedTokens = new Map<number, string>();

  constructor(gateways: readonly MemoryGateway[], unlinked: readonly string[] = []) {
    super({
      address: { kind: 'registers', registers: [] },
      identity: { role: 'client', instanceId: 'instance', name: 'test', id: 0 },
      secretKey: '',
      queryTimeoutMs: 5000,
      sendToGatewayBufferSize: 1024,
      scheduler: new FlushScheduler(),
      logger: createLogger({ stdout: false }),
    });
    this.gateways = gateways;
    this.#unlinked = unlinked;
  }

  override get links(): readonly GatewayLink[] {
    return this.gateways.map(({ link }) => link);
  }

  override get unlinkedAddresses(): string[] {
    return [...this.#unlinked];
  }

  override linkAt(address: string): GatewayLink | undefined {
    return this.links.find((link) => link.address === address);
  }

  override hasGateway(address: string, gatewayToken?: number): boolean {
    const { gatewayToken: there = gatewayToken } = this.linkAt(address) ?? {};
    return !this.gone.has(address) && (gatewayToken ?? there) === there;
  }

  override async waitForAttempt(): Promise<void> {
    this.onAttempt();
  }

  override unlinkedAddressOf(gatewayToken: number): string | undefined {
    return this.unlinkedTokens.get(gatewayToken);
  }

  override linkOf(gatewayToken: number): GatewayLink | undefined {
    return this.links.find((link) => link.gatewayToken === gatewayToken);
  }
}

function addressAt(gatewayToken: number): Parameters<typeof askGatewayOf>[1] {
  return { gatewayToken, connection: 7, nonceHigh: 8, nonceLow: 9 };
}

function isOnline(pool: GatewayPool, gatewayToken: number | undefined): Promise<boolean> {
  const address = gatewayToken === undefined ? undefined : addressAt(gatewayToken);
  return askGatewayOf(pool, address, 'isOnline', { parse: parseBoolean, offline: false });
}

function countAll(pool: GatewayPool): Promise<number> {
  return askEveryGateway(pool, { kind: 'getAllClientIdCount' }, parseCount, sum);
}

function countGroups(pool: GatewayPool, groups: readonly string[]): Promise<Map<string, number>> {
  const query = { kind: 'batchGetClientIdCountByGroup', groups } as const;
  return askAboutKeys(pool, query, groups, { parse: parseCount, merge: sum });
}

/** The rejection of a promise. */
async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`resolved with ${String(value)}`),
    (error: unknown) => error,
  );
}

const malformed = expect.objectContaining({ code: 'GW_ERR_FRAME_MALFORMED' });

test('query: a client query is sent only to its gateway', async () => {
  const gateways = [
    new MemoryGateway(1, answers(false)),
    new MemoryGateway(2, answers(true)),
  ] as const;
  await expect(isOnline(new LinkedPool(gateways), 2)).resolves.toBe(true);
  expect(gateways[0].asked).toEqual([]);
  const client = { connection: 7, nonceHigh: 8, nonceLow: 9 };
  expect(gateways[1].asked).toEqual([{ kind: 'isOnline', client }]);
});

test('query: a client that has moved is asked about at its gateway', async () => {
  const gateways = [
    new MemoryGateway(1, answers(false)),
    new MemoryGateway(2, answers(true)),
  ] as const;
  const pool = new LinkedPool(gateways);
  const client = { connection: 1, nonceHigh: 2, nonceLow: 3 };
  for (const token of [1, 5]) {
    const id = { gatewayToken: token, connection: 7, nonceHigh: 8, nonceLow: 9 };
    pool.aliases.set(formatClientId(id), gateways[1].link, client);
    await expect(isOnline(pool, token)).resolves.toBe(true);
  }
  expect(gateways[0].asked).toEqual([]);
  expect(gateways[1].asked).toEqual(Array(2).fill({ kind: 'isOnline', client }));
});

test('query: an unknown client is offline, without a query', async () => {
  const gateway = new MemoryGateway(1, answers(true));
  const pool = new LinkedPool([gateway]);
  await expect(isOnline(pool, undefined)).resolves.toBe(false);
  await expect(isOnline(pool, 2)).resolves.toBe(false);
  expect(gateway.asked).toEqual([]);
});

test('query: a live unlinked gateway of a client is missing', async () => {
  const gateway = new MemoryGateway(1, answers(true));
  const pool = new LinkedPool([gateway]);
  pool.unlinkedTokens.set(2, '10.0.0.2:2900');
  const error = await rejectionOf(isOnline(pool, 2));
  expect(error).toBeInstanceOf(PartialResultError);
  expect(error).toMatchObject({ partial: undefined, missing: ['10.0.0.2:2900'] });
  await expect(isOnline(pool, 1)).resolves.toBe(true);
});

test('query: a full link is missing, and stays open', async () => {
  const full = new MemoryGateway(1, answers(2));
  const pool = new LinkedPool([full, new MemoryGateway(2, answers(3))]);
  writeSendToAll(full.link.connection.writer(), [], 'x'.repeat(1024));
  const both = Promise.all([rejectionOf(isOnline(pool, 1)), rejectionOf(countAll(pool))]);
  const cause = expect.objectContaining({ code: 'GW_ERR_LINK_FULL' });
  const missing = ['10.0.0.1:2900'];
  expect(await both).toMatchObject([
    { missing, partial: undefined, cause },
    { missing, partial: 3, cause },
  ]);
  expect(full.link.connection.isOpen).toBe(true);
  expect(full.link.requests.size).toBe(0);
});

test('query: rejects when no gateway is linked', async () => {
  const pool = new LinkedPool([], ['10.0.0.9:2900']);
  const notConnected = expect.objectContaining({ code: 'GW_ERR_NOT_CONNECTED' });
  await expect(isOnline(pool, undefined)).rejects.toEqual(notConnected);
  await expect(isOnline(pool, 1)).rejects.toEqual(notConnected);
  await expect(countAll(pool)).rejects.toEqual(notConnected);
});

test.each<[string, Reaction, unknown]>([
  ['gives a malformed answer', answers('yes'), malformed],
  [
    'answers with an error',
    fails(new GatewayWorkerError('GW_ERR_INTERNAL', 'boom')),
    expect.objectContaining({ code: 'GW_ERR_INTERNAL', message: 'boom' }),
  ],
])('query: the gateway of a client is missing when it %s', async (_what, react, cause) => {
  const error = await rejectionOf(isOnline(new LinkedPool([new MemoryGateway(3, react)]), 3));
  expect(error).toBeInstanceOf(PartialResultError);
  expect(error).toMatchObject({
    code: 'GW_ERR_PARTIAL_RESULT',
    partial: undefined,
    missing: ['10.0.0.3:2900'],
    cause,
  });
});

test('query: a gateway whose link closes during the query is missing', async () => {
  const gone = new MemoryGateway(1, doesNotAnswer);
  const pool = new LinkedPool([gone, new MemoryGateway(2, answers(2))]);
  const both = Promise.all([rejectionOf(isOnline(pool, 1)), rejectionOf(countAll(pool))]);
  const reason = new Error('reset');
  gone.link.handleClosed(reason);
  const cause = expect.objectContaining({ code: 'GW_ERR_LINK_CLOSED', cause: reason });
  const missing = ['10.0.0.1:2900'];
  expect(await both).toMatchObject([
    { missing, partial: undefined, cause },
    { missing, partial: 2, cause },
  ]);
});

test('query: the clients of a gateway that has ended are offline', async () => {
  const gone = new MemoryGateway(1, doesNotAnswer);
  const pool = new LinkedPool([gone, new MemoryGateway(2, answers(2))]);
  const both = Promise.all([isOnline(pool, 1), countAll(pool)]);
  pool.gateways = pool.gateways.slice(1);
  pool.gone.add(gone.link.address);
  gone.link.handleClosed(undefined);
  expect(await both).toEqual([false, 2]);
});

test('query: is sent again on the next link', async () => {
  const silent = new MemoryGateway(1, doesNotAnswer);
  const pool = new LinkedPool([silent, new MemoryGateway(2, answers(2))]);
  const again = new MemoryGateway(1, answers(5));
  const count = countAll(pool);
  pool.gateways = pool.gateways.slice(1);
  pool.onAttempt = () => {
    pool.gateways = [again, ...pool.gateways];
  };
  silent.link.handleClosed(new Error('reset'));
  await expect(count).resolves.toBe(7);
  expect(again.asked).toEqual([{ kind: 'getAllClientIdCount' }]);
});

test('query: waits for the link to a new gateway', async () => {
  const pool = new LinkedPool([new MemoryGateway(1, answers(4))], ['10.0.0.9:2900']);
  const coming = new MemoryGateway(3, answers(1), '10.0.0.9');
  pool.onAttempt = () => {
    pool.gateways = [...pool.gateways, coming];
  };
  await expect(countAll(pool)).resolves.toBe(5);
});

test('query: is not sent to another process at the same address', async () => {
  const silent = new MemoryGateway(1, doesNotAnswer);
  const pool = new LinkedPool([silent, new MemoryGateway(2, answers(true))]);
  const next = new MemoryGateway(3, answers(true), '10.0.0.1');
  const online = isOnline(pool, 1);
  pool.gateways = [next];
  silent.link.handleClosed(new Error('reset'));
  await expect(online).resolves.toBe(false);
  expect(next.asked).toEqual([]);
});

test('query: a gateway that does not answer in time is missing', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const pool = new LinkedPool([
    new MemoryGateway(1, doesNotAnswer),
    new MemoryGateway(2, answers(5)),
  ]);
  const rejection = rejectionOf(countAll(pool));
  vi.advanceTimersByTime(pool.queryTimeoutMs - 1);
  // The gateways are asked at the end of the turn; the second answers in it.
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1);
  expect(await rejection).toMatchObject({
    missing: ['10.0.0.1:2900'],
    partial: 5,
    cause: { code: 'GW_ERR_QUERY_TIMEOUT' },
  });
  expect(vi.getTimerCount()).toBe(0);
});

test('query: is sent to every gateway, and the answers are merged', async () => {
  const gateways = [1, 20, 300].map((count, i) => new MemoryGateway(i + 1, answers(count)));
  await expect(countAll(new LinkedPool(gateways))).resolves.toBe(321);
  for (const { asked } of gateways) expect(asked).toEqual([{ kind: 'getAllClientIdCount' }]);
});

test('query: all gateways are asked in parallel', async () => {
  const waiting: (() => void)[] = [];
  const react =
    (count: number): Reaction =>
    (requests, requestId) => {
      waiting.push(() => requests.resolve(requestId, count));
      if (waiting.length === 3) for (const answer of waiting.toReversed()) answer();
    };
  const gateways = [1, 2, 3].map((token) => new MemoryGateway(token, react(token)));
  await expect(countAll(new LinkedPool(gateways))).resolves.toBe(6);
});

test('query: lists of several gateways are merged', async () => {
  const gateways = [['a', 'b'], [], ['c']].map((ids, i) => new MemoryGateway(i + 1, answers(ids)));
  const query = { kind: 'getClientIdByUid', uid: 'x' } as const;
  const ids = await askEveryGateway(new LinkedPool(gateways), query, parseStrings, (lists) =>
    lists.flat().toSorted(),
  );
  expect(ids).toEqual(['a', 'b', 'c']);
  for (const { asked } of gateways) expect(asked).toEqual([query]);
});

test('query: rejects with the partial answer when a live gateway is not linked', async () => {
  const pool = new LinkedPool([new MemoryGateway(1, answers(4))], ['10.0.0.9:2900']);
  expect(await rejectionOf(countAll(pool))).toMatchObject({
    message: 'no answer from 10.0.0.9:2900',
    missing: ['10.0.0.9:2900'],
    partial: 4,
    cause: undefined,
  });
});

test('query: the error names all missing gateways and has the other answers', async () => {
  const failure = new GatewayWorkerError('GW_ERR_INTERNAL', 'boom');
  const gateways = [
    new MemoryGateway(1, answers(1)),
    new MemoryGateway(2, fails(failure)),
    new MemoryGateway(3, answers(-1)),
    new MemoryGateway(4, answers(40)),
  ];
  const error = await rejectionOf(countAll(new LinkedPool(gateways, ['10.0.0.9:2900'])));
  expect(error).toMatchObject({
    missing: ['10.0.0.9:2900', '10.0.0.2:2900', '10.0.0.3:2900'],
    partial: 41,
  });
  expect(error).toHaveProperty('cause', failure);
});

test('query: the partial answer is empty when no gateway answers', async () => {
  const gateways = [1, 2].map((token) => new MemoryGateway(token, answers('none')));
  expect(await rejectionOf(countAll(new LinkedPool(gateways)))).toMatchObject({
    missing: ['10.0.0.1:2900', '10.0.0.2:2900'],
    partial: 0,
    cause: malformed,
  });
});

test('query: several keys are one query, and the answers are merged by key', async () => {
  const gateways = [
    [1, 0],
    [20, 300],
  ].map((counts, i) => new MemoryGateway(i + 1, answers(counts)));
  const counts = await countGroups(new LinkedPool(gateways), ['a', 'b']);
  expect([...counts]).toEqual([
    ['a', 21],
    ['b', 300],
  ]);
  for (const { asked } of gateways) {
    expect(asked).toEqual([{ kind: 'batchGetClientIdCountByGroup', groups: ['a', 'b'] }]);
  }
});

test('query: without keys nothing is sent', async () => {
  const gateway = new MemoryGateway(1, answers([]));
  await expect(countGroups(new LinkedPool([gateway]), [])).resolves.toEqual(new Map());
  await expect(countGroups(new LinkedPool([]), [])).resolves.toEqual(new Map());
  expect(gateway.asked).toEqual([]);
});

test.each([[[1]], [[1, 2, 3]], [['1', 2]], [{ a: 1, b: 2 }]])(
  'query: a gateway with the answer %j for two keys is missing',
  async (answer) => {
    const gateways = [new MemoryGateway(1, answers(answer)), new MemoryGateway(2, answers([4, 5]))];
    expect(await rejectionOf(countGroups(new LinkedPool(gateways), ['a', 'b']))).toMatchObject({
      missing: ['10.0.0.1:2900'],
      partial: new Map([
        ['a', 4],
        ['b', 5],
      ]),
      cause: malformed,
    });
    const alone = new LinkedPool(gateways.slice(0, 1));
    expect(await rejectionOf(countGroups(alone, ['a', 'b']))).toMatchObject({
      partial: new Map([
        ['a', 0],
        ['b', 0],
      ]),
    });
  },
);
