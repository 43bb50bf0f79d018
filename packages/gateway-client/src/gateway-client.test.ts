import { Socket } from 'node:net';
import { createLogger, FlushScheduler, FrameConnection } from '@gatewayworker/core';
import {
  ByteWriter,
  formatClientId,
  packValue,
  writeBindUid,
  writeCloseClient,
  writeCloseGroup,
  writeCloseUid,
  writeDestroyClient,
  writeJoinGroup,
  writeLeaveGroup,
  writeSendToAll,
  writeSendToClient,
  writeSendToClients,
  writeSendToGroups,
  writeSendToUids,
  writeSetSession,
  writeUnbindUid,
  writeUngroup,
  writeUpdateSession,
} from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { broadcast, enqueueToClient } from './delivery.ts';
import { GatewayClient } from './gateway-client.ts';
import { GatewayLink } from './gateway-link.ts';
import { GatewayPool } from './gateway-pool.ts';

/** A gateway in memory that records the bytes written to its link. */
class MemoryGateway extends Socket {
  readonly link: GatewayLink;
  #written: Buffer[] = [];

  constructor(gatewayToken: number) {
    super();
    this.link = new GatewayLink(new FrameConnection(this, new FlushScheduler()), {
      address: `10.0.0.${gatewayToken}:2900`,
      instanceId: `instance-${gatewayToken}`,
      gatewayToken,
      name: 'gateway',
    });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#written.push(Buffer.from(chunk));
    done();
  }

  /** The bytes sent since the last call. */
  takeSent(): Buffer {
    this.link.connection.output.flush();
    const sent = Buffer.concat(this.#written);
    this.#written = [];
    return sent;
  }
}

/** A pool with fixed links, which dials no gateway. */
class LinkedPool extends GatewayPool {
  readonly gateways: readonly MemoryGateway[];

  constructor(gatewayTokens: readonly number[]) {
    super({
      address: { kind: 'registers', registers: [] },
      identity: { role: 'client', instanceId: 'instance', name: 'test', id: 0 },
      secretKey: '',
      queryTimeoutMs: 5000,
      sendToGatewayBufferSize: 1024,
      scheduler: new FlushScheduler(),
      logger: createLogger({ stdout: false }),
    });
    this.gateways = gatewayTokens.map((gatewayToken) => new MemoryGateway(gatewayToken));
  }

  override get links(): readonly GatewayLink[] {
    return this.gateways.map(({ link }) => link);
  }

  override linkOf(gatewayToken: number): GatewayLink | undefined {
    return this.links.find((link) => link.gatewayToken === gatewayToken);
  }

  /** The bytes sent to each gateway since the last call, as hex. */
  takeSent(): string[] {
    return this.gateways.map((gateway) => gateway.takeSent().toString('hex'));
  }
}

/** The Gateway API over gateways with these tokens. */
function openApi(...gatewayTokens: number[]): { api: GatewayClient; pool: LinkedPool } {
  const pool = new LinkedPool(gatewayTokens);
  return { api: new GatewayClient(() => pool), pool };
}

function addressOf(gatewayToken: number, connection: number) {
  return { gatewayToken, connection, nonceHigh: 5, nonceLow: 6 };
}

function idOf(gatewayToken: number, connection: number): string {
  return formatClientId(addressOf(gatewayToken, connection));
}

/** A frame as hex. */
function hex(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter();
  write(writer);
  return writer.buffer.toString('hex', 0, writer.length);
}

type Call = (api: GatewayClient) => boolean;
type Write = (writer: ByteWriter) => void;

const client = addressOf(2, 7);
const clientId = idOf(2, 7);
const bytes = Uint8Array.of(0, 255);
const plainClose = { code: 1000, reason: '', payload: undefined };
const kindClose = { code: 4000, reason: 'bye', payload: 'last' };

const toOneClient: [string, Call, Write][] = [
  [
    'sendToClient',
    (api) => api.sendToClient(clientId, 'x'),
    (w) => writeSendToClient(w, client, 'x'),
  ],
  [
    'sendToClient with bytes',
    (api) => api.sendToClient(clientId, bytes),
    (w) => writeSendToClient(w, client, bytes),
  ],
  [
    'closeClient',
    (api) => api.closeClient(clientId),
    (w) => writeCloseClient(w, client, plainClose),
  ],
  [
    'closeClient with a last message',
    (api) => api.closeClient(clientId, 'last', { code: 4000, reason: 'bye' }),
    (w) => writeCloseClient(w, client, kindClose),
  ],
  ['destroyClient', (api) => api.destroyClient(clientId), (w) => writeDestroyClient(w, client)],
  ['bindUid', (api) => api.bindUid(clientId, 7), (w) => writeBindUid(w, client, '7')],
  ['unbindUid', (api) => api.unbindUid(clientId), (w) => writeUnbindUid(w, client)],
  ['joinGroup', (api) => api.joinGroup(clientId, 'g'), (w) => writeJoinGroup(w, client, 'g')],
  ['leaveGroup', (api) => api.leaveGroup(clientId, 'g'), (w) => writeLeaveGroup(w, client, 'g')],
  [
    'setSession',
    (api) => api.setSession(clientId, { a: 1 }),
    (w) => writeSetSession(w, client, packValue({ a: 1 })),
  ],
  [
    'updateSession',
    (api) => api.updateSession(clientId, { a: { b: 1 } }),
    (w) => writeUpdateSession(w, client, packValue({ a: { b: 1 } })),
  ],
];

const toEveryGateway: [string, Call, Write][] = [
  ['sendToAll', (api) => api.sendToAll('x'), (w) => writeSendToAll(w, [], 'x')],
  ['sendToUid', (api) => api.sendToUid(7, 'x'), (w) => writeSendToUids(w, ['7'], 'x')],
  [
    'sendToUid with several',
    (api) => api.sendToUid(['a', 8], bytes),
    (w) => writeSendToUids(w, ['a', '8'], bytes),
  ],
  [
    'sendToGroup',
    (api) => api.sendToGroup('g', 'x'),
    (w) => writeSendToGroups(w, { groups: ['g'], excluded: [] }, 'x'),
  ],
  [
    'sendToGroup with several',
    (api) => api.sendToGroup(['g', 'h'], 'x'),
    (w) => writeSendToGroups(w, { groups: ['g', 'h'], excluded: [] }, 'x'),
  ],
  ['closeUid', (api) => api.closeUid('u'), (w) => writeCloseUid(w, 'u', plainClose)],
  [
    'closeUid with a last message',
    (api) => api.closeUid('u', 'last', { code: 4000, reason: 'bye' }),
    (w) => writeCloseUid(w, 'u', kindClose),
  ],
  [
    'closeGroup',
    (api) => api.closeGroup('g', 'last', { code: 4000, reason: 'bye' }),
    (w) => writeCloseGroup(w, 'g', kindClose),
  ],
  ['ungroup', (api) => api.ungroup('g'), (w) => writeUngroup(w, 'g')],
];

test.each(toOneClient)('%s: sends only to the gateway of the client', (_name, call, write) => {
  const { api, pool } = openApi(1, 2);
  expect(call(api)).toBe(true);
  expect(pool.takeSent()).toEqual(['', hex(write)]);
  expect([pool.sentCommands, pool.refusedCommands]).toEqual([1, 0]);
});

test.each(toOneClient)('%s: returns false when the gateway is not linked', (_name, call) => {
  const { api, pool } = openApi(1, 3);
  expect(call(api)).toBe(false);
  expect(pool.takeSent()).toEqual(['', '']);
});

test.each([[1], [1, 2, 3]])(
  'gateway client: sends the same command to all of %i gateways',
  (...tokens) => {
    for (const [name, call, write] of toEveryGateway) {
      const { api, pool } = openApi(...tokens);
      expect([name, call(api)]).toEqual([name, true]);
      expect(pool.takeSent()).toEqual(tokens.map(() => hex(write)));
      expect([pool.sentCommands, pool.refusedCommands]).toEqual([tokens.length, 0]);
    }
  },
);

test.each([...toOneClient, ...toEveryGateway])(
  '%s: returns false when no gateway is linked',
  (_name, call) => {
    expect(call(openApi().api)).toBe(false);
  },
);

test('gateway client: returns false for an invalid client id', () => {
  const { api, pool } = openApi(1);
  expect(api.sendToClient('unknown', 'x')).toBe(false);
  expect(api.bindUid('unknown', 'u')).toBe(false);
  expect(pool.takeSent()).toEqual(['']);
});

test('exclude: each gateway gets only its own excluded clients', () => {
  const { api, pool } = openApi(1, 2, 3);
  const exclude = [idOf(1, 7), idOf(2, 8), idOf(1, 9), idOf(4, 1), 'unknown'];
  const excluded = [[addressOf(1, 7), addressOf(1, 9)], [addressOf(2, 8)], []];
  expect(api.sendToAll('x', { exclude })).toBe(true);
  expect(pool.takeSent()).toEqual(excluded.map((own) => hex((w) => writeSendToAll(w, own, 'x'))));
  expect(api.sendToGroup('g', 'x', { exclude })).toBe(true);
  expect(pool.takeSent()).toEqual(
    excluded.map((own) => hex((w) => writeSendToGroups(w, { groups: ['g'], excluded: own }, 'x'))),
  );
});

test('only: sends only to the gateways of these clients', () => {
  const { api, pool } = openApi(1, 2, 3);
  const only = [idOf(1, 7), idOf(3, 8), idOf(1, 7), idOf(1, 9), idOf(4, 1), 'unknown'];
  expect(api.sendToAll('x', { only, exclude: [idOf(1, 9)] })).toBe(true);
  expect(pool.takeSent()).toEqual([
    hex((w) => writeSendToClients(w, [addressOf(1, 7)], 'x')),
    '',
    hex((w) => writeSendToClients(w, [addressOf(3, 8)], 'x')),
  ]);
});

test('only: an empty list sends nothing and returns whether a gateway is linked', () => {
  const { api, pool } = openApi(1);
  expect(api.sendToAll('x', { only: [] })).toBe(true);
  expect(api.sendToAll('x', { only: [clientId], exclude: [clientId] })).toBe(true);
  expect(pool.takeSent()).toEqual(['']);
  expect(openApi().api.sendToAll('x', { only: [] })).toBe(false);
});

test('gateway client: a full link refuses commands until it has room', () => {
  const { api, pool } = openApi(2);
  expect(api.sendToClient(clientId, 'x'.repeat(1024))).toBe(true);
  expect(api.sendToClient(clientId, 'y')).toBe(false);
  expect(api.sendToAll('y')).toBe(false);
  expect([pool.sentCommands, pool.refusedCommands]).toEqual([1, 2]);
  expect(pool.takeSent()).toEqual([hex((w) => writeSendToClient(w, client, 'x'.repeat(1024)))]);
  expect(api.sendToClient(clientId, 'z')).toBe(true);
  expect(pool.takeSent()).toEqual([hex((w) => writeSendToClient(w, client, 'z'))]);
});

test.each<[string, Call]>([
  ['sendToAll', (api) => api.sendToAll('x')],
  ['sendToAll with exclude', (api) => api.sendToAll('x', { exclude: [idOf(1, 1)] })],
  ['sendToAll with only', (api) => api.sendToAll('x', { only: [idOf(2, 1), idOf(3, 1)] })],
  ['sendToUid', (api) => api.sendToUid('u', 'x')],
  ['sendToGroup', (api) => api.sendToGroup('g', 'x')],
  ['sendToGroup with exclude', (api) => api.sendToGroup('g', 'x', { exclude: [idOf(3, 1)] })],
  ['closeUid', (api) => api.closeUid('u')],
  ['closeGroup', (api) => api.closeGroup('g')],
])('%s: returns false when one link is full, and sends to the others', (_name, call) => {
  const { api, pool } = openApi(1, 2, 3);
  api.sendToClient(clientId, 'x'.repeat(1024));
  expect(call(api)).toBe(false);
  const [, toFullLink, toThird] = pool.takeSent();
  expect(toFullLink).toBe(hex((w) => writeSendToClient(w, client, 'x'.repeat(1024))));
  expect(toThird).not.toBe('');
});

test('gateway client: a closing link refuses commands', () => {
  const { api, pool } = openApi(1, 2);
  pool.gateways[1]?.link.connection.close();
  expect(api.sendToClient(clientId, 'x')).toBe(false);
  expect(api.sendToAll('x')).toBe(false);
  expect(pool.takeSent()).toEqual([hex((w) => writeSendToAll(w, [], 'x')), '']);
});

test('gateway client: a command that cannot be encoded leaves no bytes', () => {
  const { api, pool } = openApi(2);
  const fail = (writer: ByteWriter): void => {
    writeUngroup(writer, 'half');
    throw new Error('encoding failed');
  };
  api.sendToAll('before');
  expect(() => broadcast(pool, fail)).toThrow('encoding failed');
  expect(() => enqueueToClient(pool, client, fail)).toThrow('encoding failed');
  api.sendToAll('after');
  expect(pool.takeSent()).toEqual([
    hex((w) => {
      writeSendToAll(w, [], 'before');
      writeSendToAll(w, [], 'after');
    }),
  ]);
  expect(pool.sentCommands).toBe(2);
});

test('gateway client: keeps the order of the calls', () => {
  const { api, pool } = openApi(2);
  api.joinGroup(clientId, 'g');
  api.sendToGroup('g', 'x');
  api.leaveGroup(clientId, 'g');
  expect(pool.takeSent().join('')).toBe(
    hex((w) => {
      writeJoinGroup(w, client, 'g');
      writeSendToGroups(w, { groups: ['g'], excluded: [] }, 'x');
      writeLeaveGroup(w, client, 'g');
    }),
  );
});

/** Calls a method with arguments of any type, as JavaScript code may. */
function callUntyped(api: GatewayClient, method: string, args: readonly unknown[]): unknown {
  return Reflect.apply(Reflect.get(api, method), api, args);
}

/** A list whose first entry is missing. */
const sparse: string[] = [];
sparse[1] = clientId;

test.each<[string, unknown[], unknown[]]>([
  ['sendToAll', ['x', { exclude: undefined }], ['x']],
  ['sendToAll', ['x', { only: [clientId], exclude: undefined }], ['x', { only: [clientId] }]],
  ['sendToGroup', ['g', 'x', { exclude: undefined }], ['g', 'x']],
  ['closeClient', [clientId, 'x', { code: undefined, reason: undefined }], [clientId, 'x']],
  ['closeUid', ['u', 'x', { code: undefined, reason: undefined }], ['u', 'x']],
  ['closeGroup', ['g', undefined, { code: 4000, reason: undefined }], ['g', null, { code: 4000 }]],
])('%s: an undefined option counts as absent', (method, given, plain) => {
  const { api, pool } = openApi(2);
  callUntyped(api, method, given);
  const sent = pool.takeSent();
  callUntyped(api, method, plain);
  expect(sent).toEqual(pool.takeSent());
  expect(sent.join('')).not.toBe('');
});

test.each<[string, unknown[]]>([
  ['sendToAll', [undefined]],
  ['sendToAll', ['x', { exclude: [7] }]],
  ['sendToAll', ['x', { only: [''] }]],
  ['sendToAll', ['x', { only: null }]],
  ['sendToAll', ['x', { only: undefined }]],
  ['sendToAll', ['x', [clientId]]],
  ['sendToAll', ['x', { onyl: [clientId] }]],
  ['sendToAll', ['x', null]],
  ['sendToAll', ['x', { only: sparse }]],
  ['sendToClient', [7, 'x']],
  ['sendToClient', [clientId, { text: 'x' }]],
  ['sendToUid', ['', 'x']],
  ['sendToUid', [[Number.NaN], 'x']],
  ['sendToUid', [sparse, 'x']],
  ['sendToUid', ['\ud800', 'x']],
  ['sendToGroup', [sparse, 'x']],
  ['sendToGroup', ['g', 'x', [clientId]]],
  ['closeClient', [clientId, null, null]],
  ['closeClient', [clientId, null, { cod: 1000 }]],
  ['sendToGroup', [7, 'x']],
  ['sendToGroup', ['g', 'x', { exclude: [null] }]],
  ['closeClient', [undefined]],
  ['closeClient', [clientId, 7]],
  ['closeUid', ['u', 'x', { reason: 7 }]],
  ['closeGroup', ['']],
  ['closeGroup', ['g', 'x', { reason: 7 }]],
  ['destroyClient', ['']],
  ['bindUid', [clientId, undefined]],
  ['bindUid', [null, 'u']],
  ['unbindUid', [7]],
  ['joinGroup', [clientId, '']],
  ['leaveGroup', [clientId, 7]],
  ['ungroup', [undefined]],
  ['setSession', [clientId, []]],
  ['updateSession', [clientId, undefined]],
  ['updateSession', [clientId, { a: new Map() }]],
  ['isOnline', [7]],
  ['getUidByClientId', ['']],
  ['getSession', [undefined]],
  ['isUidOnline', [{}]],
  ['getClientIdByUid', ['']],
  ['getClientIdListByGroup', [7]],
  ['getClientIdCountByGroup', [null]],
  ['getClientSessionsByGroup', ['']],
  ['isUidsOnline', ['u']],
  ['isUidsOnline', [['u', null]]],
  ['batchGetClientIdByUid', [undefined]],
  ['batchGetClientIdByUid', [['']]],
  ['batchGetClientIdCountByGroup', ['g']],
  ['batchGetClientIdCountByGroup', [['g', 7]]],
  ['getClientCountByGroup', ['']],
  ['getUidListByGroup', [undefined]],
  ['getUidCountByGroup', [7]],
])('%s: throws a TypeError for %j and sends nothing', (method, args) => {
  const { api, pool } = openApi(2);
  expect(() => callUntyped(api, method, args)).toThrow(TypeError);
  expect(pool.takeSent()).toEqual(['']);
});

test('queries: an empty list is answered without a query', async () => {
  const { api, pool } = openApi(2);
  expect(await api.isUidsOnline([])).toEqual(new Map());
  expect(await api.batchGetClientIdByUid([])).toEqual(new Map());
  expect(await api.batchGetClientIdCountByGroup([])).toEqual(new Map());
  expect(pool.takeSent()).toEqual(['']);
  expect(await openApi().api.isUidsOnline([])).toEqual(new Map());
});

test('only, exclude: accept one client id instead of a list', () => {
  const { api, pool } = openApi(2);
  callUntyped(api, 'sendToAll', ['x', { only: clientId }]);
  expect(pool.takeSent()).toEqual([hex((w) => writeSendToClients(w, [client], 'x'))]);
  callUntyped(api, 'sendToAll', ['x', { only: clientId, exclude: clientId }]);
  expect(pool.takeSent()).toEqual(['']);
});

test('gateway client: throws a RangeError for large arguments and sends nothing', () => {
  const { api, pool } = openApi(2);
  const long = 'x'.repeat(65_536);
  expect(() => api.sendToAll(Buffer.alloc(16 * 1024 * 1024 + 1))).toThrow(RangeError);
  expect(() => api.bindUid(clientId, long)).toThrow(RangeError);
  expect(() => api.sendToGroup(['g', long], 'x')).toThrow(RangeError);
  const names = Array.from({ length: 600 }, (_, index) => String(index).padStart(65_000, 'x'));
  expect(() => api.sendToUid(names, 'x')).toThrow(RangeError);
  const ids = new Array(3_000_000).fill(clientId);
  expect(() => api.sendToAll('x', { exclude: ids })).toThrow(RangeError);
  expect(() => api.sendToAll('x', { only: ids })).toThrow(RangeError);
  expect(() => api.closeClient(clientId, null, { code: 1005 })).toThrow(RangeError);
  expect(() => api.setSession(clientId, { text: 'x'.repeat(1024 * 1024) })).toThrow(RangeError);
  expect(() => api.isUidsOnline([long])).toThrow(RangeError);
  expect(() => api.batchGetClientIdByUid(['u', long])).toThrow(RangeError);
  expect(() => api.batchGetClientIdCountByGroup([long])).toThrow(RangeError);
  expect(() => api.getUidListByGroup(long)).toThrow(RangeError);
  expect(pool.takeSent()).toEqual(['']);
});
