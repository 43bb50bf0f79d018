import { createLogger, FlushScheduler, FrameConnection } from '@gatewayworker/core';
import {
  ByteWriter,
  formatClientId,
  InterestKind,
  writeBindUid,
  writeCloseClient,
  writeLaneGap,
  writeSendReply,
  writeSendToAll,
  writeSendToClient,
  writeSendToClients,
  writeSendToGroups,
  writeSendToUids,
} from '@gatewayworker/protocol';
import { MemorySocket } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { GatewayClient } from './gateway-client.ts';
import { GatewayLink } from './gateway-link.ts';
import { GatewayPool } from './gateway-pool.ts';
import { sendReply } from './send.ts';

const BUFFER_BYTES = 1024;

/** A pool with links in memory to gateways with these tokens; the gateways above 1 have subscribed to the lane. */
class LinkedPool extends GatewayPool {
  readonly sockets: readonly MemorySocket[];
  readonly #links: readonly GatewayLink[];

  constructor(gatewayTokens: readonly number[]) {
    super({
      address: { kind: 'registers', registers: [] },
      identity: { role: 'client', instanceId: 'instance', name: 'test', id: 0 },
      secretKey: '',
      queryTimeoutMs: 5000,
      sendToGatewayBufferSize: BUFFER_BYTES,
      scheduler: new FlushScheduler(),
      logger: createLogger({ stdout: false }),
    });
    this.sockets = gatewayTokens.map(() => new MemorySocket());
    this.#links = gatewayTokens.map((gatewayToken, index) => {
      const socket = this.sockets[index] ?? new MemorySocket();
      const link = new GatewayLink(new FrameConnection(socket, new FlushScheduler()), {
        address: `10.0.0.${gatewayToken}:2900`,
        instanceId: `instance-${gatewayToken}`,
        gatewayToken,
        name: 'gateway',
      });
      link.isNumbered = gatewayToken > 1;
      return link;
    });
    this.lane.activate(60_000, 1_000_000);
  }

  override get links(): readonly GatewayLink[] {
    return this.#links;
  }

  override linkOf(gatewayToken: number): GatewayLink | undefined {
    return this.#links.find((link) => link.gatewayToken === gatewayToken);
  }

  /** The bytes sent to each gateway since the last call, as hex. */
  takeSent(): string[] {
    return this.#links.map(({ connection }, index) => {
      connection.output.flush();
      const socket = this.sockets[index];
      const sent = socket?.written.toString('hex') ?? '';
      if (socket !== undefined) socket.written = Buffer.alloc(0);
      return sent;
    });
  }
}

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

function hex(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter();
  write(writer);
  return writer.buffer.toString('hex', 0, writer.length);
}

const client = addressOf(2, 7);
const clientId = formatClientId(client);
const excluded = addressOf(3, 8);

test.each<[string, (api: GatewayClient) => boolean, object]>([
  ['sendToAll', (api) => api.sendToAll('x'), { kind: 'all', excluded: [] }],
  [
    'sendToAll with exclude',
    (api) => api.sendToAll('x', { exclude: [idOf(3, 8)] }),
    { kind: 'all', excluded: [excluded] },
  ],
  [
    'sendToAll with only',
    (api) => api.sendToAll('x', { only: [clientId, idOf(9, 1)] }),
    { kind: 'clients', clients: [client, addressOf(9, 1)] },
  ],
  [
    'sendToClient',
    (api) => api.sendToClient(clientId, 'x'),
    { kind: 'clients', clients: [client] },
  ],
  ['sendToUid', (api) => api.sendToUid(['u', 7], 'x'), { kind: 'uids', uids: ['u', '7'] }],
  [
    'sendToGroup',
    (api) => api.sendToGroup('g', 'x', { exclude: [idOf(3, 8)] }),
    { kind: 'groups', groups: ['g'], excluded: [excluded] },
  ],
])('%s: is recorded once, also if no gateway is linked', (_name, send, receivers) => {
  for (const tokens of [[1, 2, 3], []]) {
    const { api, pool } = openApi(...tokens);
    expect(send(api)).toBe(tokens.length > 0);
    expect([pool.lane.lastOffset, pool.lane.size]).toEqual([1, 1]);
    expect(pool.lane.at(1)).toMatchObject({ receivers, payload: 'x', number: 0 });
  }
});

test('sends: every gateway that has subscribed gets the same offset, others none', () => {
  const { api, pool } = openApi(1, 2, 3);
  const numbered = (write: (writer: ByteWriter, offset: number) => void): string[] =>
    [0, pool.lane.lastOffset, pool.lane.lastOffset].map((offset) => hex((w) => write(w, offset)));
  api.sendToAll('x');
  expect(pool.takeSent()).toEqual(numbered((w, offset) => writeSendToAll(w, [], 'x', offset)));
  api.sendToUid('u', 'x');
  expect(pool.takeSent()).toEqual(numbered((w, offset) => writeSendToUids(w, ['u'], 'x', offset)));
  const receivers = { groups: ['g'], excluded: [] };
  api.sendToGroup('g', 'x');
  expect(pool.takeSent()).toEqual(
    numbered((w, offset) => writeSendToGroups(w, receivers, 'x', offset)),
  );
  api.sendToAll('x', { only: [idOf(1, 1), idOf(2, 1)] });
  expect(pool.takeSent()).toEqual([
    hex((w) => writeSendToClients(w, [addressOf(1, 1)], 'x')),
    hex((w) => writeSendToClients(w, [addressOf(2, 1)], 'x', 4)),
    '',
  ]);
  api.sendToAll('x', { exclude: [clientId] });
  expect(pool.takeSent()).toEqual([
    hex((w) => writeSendToAll(w, [], 'x')),
    hex((w) => writeSendToAll(w, [client], 'x', 5)),
    hex((w) => writeSendToAll(w, [], 'x', 5)),
  ]);
});

test('sends: other commands have no offset and are not recorded', () => {
  const { api, pool } = openApi(2);
  api.bindUid(clientId, 'u');
  api.closeClient(clientId, 'bye');
  const close = { code: 1000, reason: '', payload: 'bye' };
  expect(pool.takeSent()).toEqual([
    hex((w) => {
      writeBindUid(w, client, 'u');
      writeCloseClient(w, client, close);
    }),
  ]);
  expect(pool.lane.lastOffset).toBe(0);
});

test('sends: an inactive lane records nothing', () => {
  const { api, pool } = openApi(2);
  pool.lane.isActive = false;
  api.sendToAll('x');
  api.sendToClient(clientId, 'x');
  expect(pool.lane.size).toBe(0);
});

test('sends: an invalid client id and an empty list are not recorded', () => {
  const { api, pool } = openApi(2);
  expect(api.sendToClient('unknown', 'x')).toBe(false);
  expect(api.sendToAll('x', { only: [] })).toBe(true);
  expect(sendReply(pool, undefined, { number: 1, payload: '1', isFailed: false })).toBe(false);
  expect(pool.lane.lastOffset).toBe(0);
});

test('sendReply: is sent and recorded with the number of the request', () => {
  const { pool } = openApi(2);
  const reply = { number: 2 ** 40, payload: '{}', isFailed: true };
  expect(sendReply(pool, client, reply)).toBe(true);
  expect(pool.takeSent()).toEqual([hex((w) => writeSendReply(w, client, reply, 1))]);
  const receivers = { kind: 'clients', clients: [client] };
  expect(pool.lane.at(1)).toMatchObject({
    receivers,
    number: 2 ** 40,
    payload: '{}',
    isFailed: true,
  });
});

test('sends: a full link reports what it has refused before the next command', () => {
  const { api, pool } = openApi(1, 2);
  api.sendToAll('x'.repeat(BUFFER_BYTES));
  expect(api.sendToAll('y')).toBe(false);
  expect(api.sendToAll('z')).toBe(false);
  pool.takeSent();
  expect(api.sendToAll('next')).toBe(true);
  expect(pool.takeSent()).toEqual([
    hex((w) => writeSendToAll(w, [], 'next')),
    hex((w) => {
      writeLaneGap(w, { source: pool.lane.source, offset: 3 });
      writeSendToAll(w, [], 'next', 4);
    }),
  ]);
});

test('aliases: every command goes to the gateway of the alias, the lane keeps the id', () => {
  const { api, pool } = openApi(2, 3);
  const [, third] = pool.links;
  if (third === undefined) throw new Error('no link');
  const moved = { connection: 1, nonceHigh: 2, nonceLow: 3 };
  pool.aliases.set(clientId, third, moved);
  expect(api.sendToClient(clientId, 'x')).toBe(true);
  expect(pool.takeSent()).toEqual(['', hex((w) => writeSendToClient(w, moved, 'x', 1))]);
  expect(pool.lane.at(1)).toMatchObject({ receivers: { clients: [client] } });
  api.sendToAll('x', { exclude: [clientId] });
  expect(pool.takeSent()).toEqual([
    hex((w) => writeSendToAll(w, [], 'x', 2)),
    hex((w) => writeSendToAll(w, [moved], 'x', 2)),
  ]);
  api.sendToAll('x', { only: [clientId, idOf(2, 9)] });
  expect(pool.takeSent()).toEqual([
    hex((w) => writeSendToClients(w, [addressOf(2, 9)], 'x', 3)),
    hex((w) => writeSendToClients(w, [moved], 'x', 3)),
  ]);
  for (const link of pool.links) pool.interest.follow(link);
  pool.takeSent();
  api.bindUid(clientId, 'u');
  expect(pool.takeSent()).toEqual(['', hex((w) => writeBindUid(w, moved, 'u'))]);
  expect(pool.interest.find(InterestKind.Uid, 'u')).toContain(third);
});
