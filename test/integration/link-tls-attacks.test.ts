import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import tls, {
  type ConnectionOptions,
  connect as connectTls,
  createServer,
  type TLSSocket,
} from 'node:tls';
import { GatewayClient } from '@gatewayworker/gateway-client';
import {
  captureLogger,
  eventually,
  makeCertificate,
  type Roles,
  startRoles,
  TcpPeer,
  type TestClient,
} from '@gatewayworker/testing';
import type { EventHandler } from 'gatewayworker';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  flood,
  frameOf,
  listenFalsely,
  makeHello,
  messagesOf,
  RefusalWatch,
  wrongProof,
} from './link-attackers.ts';
import { roles } from './roles.ts';

const secretKey = 'the key of this cluster';
const echo: EventHandler = { onMessage: (_id, message, ctx) => void ctx.send(message) };

/** Type of a TLS record that belongs to a handshake. Source: RFC 8446 5.1. */
const TLS_HANDSHAKE = 22;

/** A certificate that is its own authority. */
interface Party {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

const unproven = /^The secretKey differs from that of the peer$/;

/** TLS options of a peer that knows old versions only; OpenSSL needs a lower security level for them. */
const oldVersions = {
  minVersion: 'TLSv1',
  maxVersion: 'TLSv1.1',
  ciphers: 'DEFAULT@SECLEVEL=0',
} as const;

/** Has the effect of the flags `--tls-min-v1.0` and `--tls-cipher-list`, for a test. */
function allowOldVersions(): void {
  const { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS } = tls;
  Object.assign(tls, { DEFAULT_MIN_VERSION: 'TLSv1', DEFAULT_CIPHERS: oldVersions.ciphers });
  onTestFinished(() => void Object.assign(tls, { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS }));
}

let own: Party;
let foreign: Party;
let cluster: Roles;
let bystander: TestClient;

beforeAll(async () => {
  const [one, other] = await Promise.all([makeCertificate(), makeCertificate()]);
  own = { ...one, ca: one.cert };
  foreign = { ...other, ca: other.cert };
  cluster = await startRoles({ events: echo, secretKey, innerTls: own });
  bystander = await cluster.connect();
});

afterAll(() => cluster.stop());

async function expectUnaffected(): Promise<void> {
  bystander.send('x');
  expect(await bystander.next()).toBe('x');
  expect(cluster.gateways.map(({ workerCount }) => workerCount)).toEqual([1]);
}

/** Dialers that make the same attack at the same time. */
const crowd: readonly undefined[] = Array.from({ length: 20 });

/** Sends a hello, and records the answers. */
function greet(socket: Socket): TcpPeer {
  const peer = new TcpPeer(socket);
  onTestFinished(() => peer.destroy());
  peer.send(frameOf(makeHello()));
  return peer;
}

function portOf(kind: 'register' | 'gateway'): number {
  return kind === 'register' ? cluster.register.port : (cluster.gateways[0]?.innerPort ?? 0);
}

test('register, gateway: refuse an unfinished TLS handshake at the deadline', async () => {
  const refused = new RefusalWatch(cluster.log);
  const peers = (['register', 'gateway'] as const).map((kind) => {
    const peer = new TcpPeer(connect(portOf(kind), '127.0.0.1'));
    onTestFinished(() => peer.destroy());
    peer.send(Buffer.from([TLS_HANDSHAKE, 3, 1]));
    return peer;
  });
  await expectUnaffected();
  for (const peer of peers) expect(await peer.ended).toHaveLength(0);
  await refused.expect(peers.length, /^TLS: TLS handshake timeout$/, peers.length);
});

describe.each(['register', 'gateway'] as const)('%s with TLS', (kind) => {
  const port = (): number => portOf(kind);

  test('a dialer without TLS: no answer, one log line a second', async () => {
    const refused = new RefusalWatch(cluster.log);
    const peers = crowd.map(() => greet(connect(port(), '127.0.0.1')));
    await Promise.all(peers.map(({ ended }) => ended));
    for (const { received } of peers) expect(messagesOf(received)).toEqual([]);
    await expectUnaffected();
    await refused.expect(crowd.length, /^TLS: (?:wrong version number|packet length too long)$/);
  });

  test.each([
    ['no certificate', () => ({}), /^TLS: peer did not return a certificate$/],
    [
      'a certificate of another authority',
      () => ({ cert: foreign.cert, key: foreign.key }),
      /^TLS: DEPTH_ZERO_SELF_SIGNED_CERT$/,
    ],
  ] as const)(
    'a dialer with %s: no answer, one log line a second',
    async (_name, makeTls, reason) => {
      const tls: ConnectionOptions = { ...makeTls(), ca: own.ca, host: '127.0.0.1', port: port() };
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const refused = new RefusalWatch(cluster.log);
        const peers = crowd.map(() => greet(connectTls({ ...tls, maxVersion })));
        await Promise.all(peers.map(({ ended }) => ended));
        for (const { received } of peers) expect(received).toHaveLength(0);
        await expectUnaffected();
        await refused.expect(crowd.length, reason);
      }
    },
  );

  test('a dialer with TLS 1.1: no answer, even if the process allows it', async () => {
    allowOldVersions();
    const { register, gateways, log } = await roles({ events: echo, secretKey, innerTls: own });
    const refused = new RefusalWatch(log);
    const { cert, key, ca } = own;
    const oldPort = kind === 'register' ? register.port : (gateways[0]?.innerPort ?? 0);
    const tls = { cert, key, ca, host: '127.0.0.1', port: oldPort, ...oldVersions };
    const peers = crowd.map(() => greet(connectTls(tls)));
    await Promise.all(peers.map(({ ended }) => ended));
    for (const { received } of peers) expect(received).toHaveLength(0);
    await refused.expect(crowd.length, /^TLS: unsupported protocol$/);
  });

  test('250 dialers without the key: refused, clients and links work', {
    timeout: 120_000,
  }, async () => {
    const flooded = await roles({ events: echo, secretKey, innerTls: own });
    const inner = flooded.gateways[0]?.innerPort ?? 0;
    const { cert, key, ca } = own;
    const tls = { cert, key, ca, host: '127.0.0.1' };
    const refused = new RefusalWatch(flooded.log);
    // Both ends of each handshake are in this process.
    await flood(flooded, { attempts: 250, atATime: 16 }, async () => {
      const socket = connectTls({
        ...tls,
        port: kind === 'register' ? flooded.register.port : inner,
      });
      socket.on('error', () => undefined).resume();
      socket.write(wrongProof);
      await new Promise((resolve) => socket.once('close', resolve));
    });
    await refused.expect(250, unproven);
  });

  test('a dialer with a certificate: gets a challenge, refused without the key', async () => {
    const { cert, key, ca } = own;
    const peer = greet(connectTls({ cert, key, ca, host: '127.0.0.1', port: port() }));
    await eventually(() => messagesOf(peer.received).some(({ type }) => type === 'challenge'));
    const refused = new RefusalWatch(cluster.log);
    peer.send(frameOf({ type: 'proof', proof: Buffer.alloc(32) }));
    await peer.ended;
    expect(messagesOf(peer.received).map(({ type }) => type)).toEqual(['challenge', 'refusal']);
    await expectUnaffected();
    await refused.expect(1, unproven);
  });
});

/** Dials a port whose peer must be refused; the reason is logged once. */
async function dialInVain(port: number, reason: RegExp, connectTimeoutMs = 600): Promise<void> {
  const registerAddress = `127.0.0.1:${port}`;
  const options = { registerAddress, secretKey, innerTls: own, connectTimeoutMs };
  // On a busy machine the time may be over before the first attempt has failed: then it starts again.
  const lines = await eventually(async () => {
    const log = captureLogger();
    const dialing = GatewayClient.connect(options, log.logger);
    await expect(dialing).rejects.toMatchObject({ code: 'GW_ERR_CONNECT_TIMEOUT' });
    return log.lines.length > 0 && log.lines;
  });
  expect(lines).toMatchObject([
    { msg: 'inner link not connected, retrying', reason: expect.stringMatching(reason) },
  ]);
}

test('dialer with TLS: sends nothing to a proxy that speaks plain to it', async () => {
  const { cert, key, ca } = own;
  const between = await listenFalsely((near, first) => {
    // It speaks TLS to the true register, with a stolen certificate, and plain to the dialer.
    const far = connectTls({ cert, key, ca, host: '127.0.0.1', port: cluster.register.port });
    far.on('error', () => undefined).write(first);
    far.pipe(near).pipe(far);
  });
  await dialInVain(between.port, /disconnected before secure TLS connection/);
  expect(between.peers.length).toBeGreaterThan(0);
  for (const { received } of between.peers) expect(received[0]).toBe(TLS_HANDSHAKE);
  await expectUnaffected();
});

test('dialer with TLS: sends nothing to a proxy of another authority', async () => {
  const inside: TLSSocket[] = [];
  const received: Buffer[] = [];
  const between = createServer({ cert: foreign.cert, key: foreign.key }, (near) => {
    inside.push(near);
    near.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => undefined);
  });
  between.listen(0, '127.0.0.1');
  let refusals = 0;
  between.on('tlsClientError', () => {
    refusals += 1;
  });
  onTestFinished(() => {
    for (const socket of inside) socket.destroy();
    between.close();
  });
  await once(between, 'listening');
  const address = between.address();
  await dialInVain(
    typeof address === 'object' ? (address?.port ?? 0) : 0,
    /^self-signed certificate/,
  );
  await eventually(() => refusals + inside.length > 0);
  expect(Buffer.concat(received)).toHaveLength(0);
  await expectUnaffected();
});

test('dialer without TLS: gets no answer through a proxy without a certificate', async () => {
  const between = await listenFalsely((near, first) => {
    const { ca } = own;
    const far = connectTls({ ca, host: '127.0.0.1', port: cluster.register.port });
    far.on('error', () => near.destroy()).write(first);
    far.pipe(near).pipe(far);
  });
  const peer = greet(connect(between.port, '127.0.0.1'));
  await peer.ended;
  expect(peer.received).toHaveLength(0);
  await expectUnaffected();
});

test('dialer with TLS: refuses TLS 1.1, even if the process allows it', async () => {
  allowOldVersions();
  const between = createServer({ cert: own.cert, key: own.key, ...oldVersions });
  between.listen(0, '127.0.0.1');
  onTestFinished(() => void between.close());
  await once(between, 'listening');
  const address = between.address();
  await dialInVain(
    typeof address === 'object' ? (address?.port ?? 0) : 0,
    /alert protocol version/,
  );
});

test('dialer with TLS: ignores NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  onTestFinished(() => void delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
  const between = createServer({ cert: foreign.cert, key: foreign.key });
  between.listen(0, '127.0.0.1');
  onTestFinished(() => void between.close());
  await once(between, 'listening');
  const address = between.address();
  await dialInVain(
    typeof address === 'object' ? (address?.port ?? 0) : 0,
    /^self-signed certificate/,
  );
});

test('dialer with TLS: expires a silent listener and dials again', async () => {
  const silent = await listenFalsely(() => undefined);
  const dialing = dialInVain(silent.port, /^the peer took too long$/, 7000);
  await eventually(() => silent.peers.length >= 2, { timeoutMs: 50_000 });
  await dialing;
});
