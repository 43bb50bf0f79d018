import { Socket } from 'node:net';
import {
  createLogger,
  FlushScheduler,
  FrameConnection,
  Guard,
  RequestTable,
} from '@gatewayworker/core';
import { type GatewayLink, GatewayPool } from '@gatewayworker/gateway-client';
import { ByteWriter, Command, formatClientId, writeMessage } from '@gatewayworker/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { AttachedClients } from './attached-clients.ts';
import { gateway, setWorkerProcess } from './gateway.ts';
import { WorkerGateway } from './worker-gateway.ts';

/** A link to a gateway, with an unconnected socket. */
function createLink(gatewayToken: number): GatewayLink {
  return {
    connection: new FrameConnection(new Socket(), new FlushScheduler()),
    address: `10.0.0.${gatewayToken}:2900`,
    instanceId: `instance-${gatewayToken}`,
    gatewayToken,
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

/** A pool with fixed links, which dials no gateway. */
class LinkedPool extends GatewayPool {
  readonly #links: readonly GatewayLink[];

  constructor(links: readonly GatewayLink[]) {
    super({
      address: { kind: 'registers', registers: [] },
      identity: { role: 'worker', instanceId: 'instance', name: 'test', id: 0 },
      secretKey: '',
      queryTimeoutMs: 5000,
      sendToGatewayBufferSize: 1024,
      scheduler: new FlushScheduler(),
      logger: createLogger({ stdout: false }),
    });
    this.#links = links;
  }

  override get links(): readonly GatewayLink[] {
    return this.#links;
  }

  override linkOf(gatewayToken: number): GatewayLink | undefined {
    return this.#links.find((link) => link.gatewayToken === gatewayToken);
  }
}

/** A worker that has connection 7 of gateway 1 and knows gateway 2. */
function createWorker() {
  const link = createLink(1);
  const pool = new LinkedPool([link, createLink(2)]);
  const api = new WorkerGateway(
    () => pool,
    () => clients,
  );
  const clients: AttachedClients = new AttachedClients({
    gateway: api,
    guard: new Guard(),
    logger: createLogger({ stdout: false }),
    onEvent: () => undefined,
    onSettled: () => undefined,
    isAlive: () => false,
    decide: undefined,
    redelivers: false,
    decidesResumes: false,
  });
  onTestFinished(() => clients.close());
  clients.addLink(link);
  const attached = new ByteWriter();
  writeMessage(attached, {
    type: 'clientAttached',
    connection: 7,
    nonceHigh: 5,
    nonceLow: 6,
    remoteAddress: '::1',
    remotePort: 1,
    gatewayPort: 8282,
    request: undefined,
    uid: undefined,
    session: undefined,
  });
  const { buffer, length } = attached;
  clients.handleFrame(link, buffer.readUInt8(4), buffer, 5, length);
  const uidOf = (clientId: string): string | undefined => clients.find(clientId)?.uid;
  const sessionOf = (clientId: string): unknown => clients.find(clientId)?.session;
  return { api, pool, link, clients, uidOf, sessionOf };
}

const clientId = formatClientId({ gatewayToken: 1, connection: 7, nonceHigh: 5, nonceLow: 6 });

test('worker gateway: a client of this worker has its new uid at once', () => {
  const { api, uidOf } = createWorker();
  expect(uidOf(clientId)).toBeUndefined();
  expect(api.bindUid(clientId, 'anna')).toBe(true);
  expect(uidOf(clientId)).toBe('anna');
  api.bindUid(clientId, 7);
  expect(uidOf(clientId)).toBe('7');
  expect(api.unbindUid(clientId)).toBe(true);
  expect(uidOf(clientId)).toBeUndefined();
});

test('worker gateway: a new uid is sent to the gateway', () => {
  const { api, link } = createWorker();
  const { output } = link.connection;
  expect(output.pendingBytes).toBe(0);
  api.bindUid(clientId, 'anna');
  const afterBind = output.pendingBytes;
  expect(afterBind).toBeGreaterThan(0);
  api.unbindUid(clientId);
  expect(output.pendingBytes).toBeGreaterThan(afterBind);
});

test('worker gateway: a client of another worker is changed at its gateway', () => {
  const { api, uidOf } = createWorker();
  const address = { gatewayToken: 1, connection: 8, nonceHigh: 5, nonceLow: 6 };
  const stale = { ...address, connection: 7, nonceLow: 9 };
  for (const other of [address, { ...address, gatewayToken: 2 }, stale]) {
    expect(api.bindUid(formatClientId(other), 'anna')).toBe(true);
    expect(api.unbindUid(formatClientId(other))).toBe(true);
  }
  expect(uidOf(clientId)).toBeUndefined();
});

test('worker gateway: the uid stays when the command cannot be queued', () => {
  const { api, link, uidOf } = createWorker();
  api.bindUid(clientId, 'anna');
  api.sendToClient(clientId, 'x'.repeat(1024));
  expect(api.bindUid(clientId, 'bert')).toBe(false);
  expect(api.unbindUid(clientId)).toBe(false);
  expect(uidOf(clientId)).toBe('anna');
  link.connection.close();
  expect(api.unbindUid(clientId)).toBe(false);
  expect(uidOf(clientId)).toBe('anna');
});

test('worker gateway: the uid stays when the new one is invalid', () => {
  const { api, uidOf } = createWorker();
  api.bindUid(clientId, 'anna');
  expect(() => api.bindUid(clientId, '')).toThrow(TypeError);
  expect(() => api.bindUid(clientId, Number.NaN)).toThrow(TypeError);
  expect(() => api.bindUid(clientId, 'x'.repeat(65_536))).toThrow(RangeError);
  expect(uidOf(clientId)).toBe('anna');
});

test('worker gateway: a client of this worker has its new session at once', () => {
  const { api, sessionOf } = createWorker();
  const given = { cart: { a: 1 }, list: [1] };
  expect(api.setSession(clientId, given)).toBe(true);
  expect(sessionOf(clientId)).toEqual(given);
  expect(api.updateSession(clientId, { cart: { b: 2 } })).toBe(true);
  expect(sessionOf(clientId)).toEqual({ cart: { a: 1, b: 2 }, list: [1] });
  given.list.push(2);
  expect(sessionOf(clientId)).toHaveProperty('list', [1]);
});

test('worker gateway: a new session is sent once, as a session delta', () => {
  const { api, link, clients } = createWorker();
  const { output } = link.connection;
  api.updateSession(clientId, { a: 1 });
  expect(clients.find(clientId)?.sessionCopy.takeChange()).toBeUndefined();
  const writer = output.writer();
  expect(writer.buffer.readUInt8(4)).toBe(Command.ApplySessionDelta);
  expect(writer.length).toBe(4 + writer.buffer.readUInt32BE(0));
});

test('worker gateway: the session stays when it is invalid or cannot be queued', () => {
  const { api, sessionOf } = createWorker();
  api.setSession(clientId, { a: 1 });
  expect(() => api.setSession(clientId, { a: new Map() })).toThrow(
    'session.a: a Map cannot be stored',
  );
  expect(() => api.updateSession(clientId, [])).toThrow(TypeError);
  expect(() => Reflect.apply(api.setSession, api, [7, { a: 2 }])).toThrow(/^clientId is 7/);
  api.sendToClient(clientId, 'x'.repeat(1024));
  expect(api.setSession(clientId, { a: 2 })).toBe(false);
  expect(api.updateSession(clientId, { a: 2 })).toBe(false);
  expect(sessionOf(clientId)).toEqual({ a: 1 });
});

test("worker gateway: the session of another worker's client is only sent", () => {
  const { api, link, sessionOf } = createWorker();
  const other = formatClientId({ gatewayToken: 1, connection: 8, nonceHigh: 5, nonceLow: 6 });
  expect(api.setSession(other, { a: 1 })).toBe(true);
  expect(api.updateSession(other, { a: 1 })).toBe(true);
  expect(link.connection.output.writer().buffer.readUInt8(4)).toBe(Command.SetSession);
  expect(sessionOf(clientId)).toBeUndefined();
});

test('worker gateway: returns false for an invalid client id', () => {
  const { api } = createWorker();
  expect(api.bindUid('unknown', 'anna')).toBe(false);
  expect(api.unbindUid('unknown')).toBe(false);
});

test('gateway: throws outside of a worker, before its start and after its stop', () => {
  const notInWorker = expect.objectContaining({ code: 'GW_ERR_NOT_IN_WORKER' });
  expect(() => gateway.sendToAll('x')).toThrow(notInWorker);
  expect(() => gateway.bindUid(clientId, 'anna')).toThrow(notInWorker);
  expect(() => gateway.isOnline(clientId)).toThrow(notInWorker);
  const { pool, clients, uidOf } = createWorker();
  setWorkerProcess({ pool, clients });
  onTestFinished(() => setWorkerProcess(undefined));
  expect(gateway.bindUid(clientId, 'anna')).toBe(true);
  expect(uidOf(clientId)).toBe('anna');
  setWorkerProcess(undefined);
  expect(() => gateway.unbindUid(clientId)).toThrow(notInWorker);
});
