import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectTls,
  createServer,
  type TLSSocket,
} from 'node:tls';
import { GatewayClient } from '@gatewayworker/client';
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
import { frameOf, listenFalsely, makeHello, messagesOf } from './link-attackers.ts';

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

/** Says hello as far as it comes, and keeps what it hears. */
function say(socket: Socket): TcpPeer {
  const peer = new TcpPeer(socket);
  onTestFinished(() => peer.destroy());
  peer.send(frameOf(makeHello()));
  return peer;
}

describe.each(['register', 'gateway'] as const)('by TLS a %s', (kind) => {
  const port = (): number =>
    kind === 'register' ? cluster.register.port : (cluster.gateways[0]?.innerPort ?? 0);

  test('answers nothing to who speaks in plain', async () => {
    const peer = say(connect(port(), '127.0.0.1'));
    await peer.ended;
    expect(messagesOf(peer.received)).toEqual([]);
    await expectUnaffected();
  });

  test.each([
    ['no certificate', () => ({})],
    ['a certificate of another authority', () => ({ cert: foreign.cert, key: foreign.key })],
  ] as const)('answers nothing to who has %s', async (_name, makeTls) => {
    const tls: ConnectionOptions = { ...makeTls(), ca: own.ca, host: '127.0.0.1', port: port() };
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const peer = say(connectTls({ ...tls, maxVersion }));
      await peer.ended;
      expect(peer.received).toHaveLength(0);
    }
    await expectUnaffected();
  });

  test('challenges who has a certificate, and lets nobody in without the key', async () => {
    const { cert, key, ca } = own;
    const peer = say(connectTls({ cert, key, ca, host: '127.0.0.1', port: port() }));
    await eventually(() => messagesOf(peer.received).some(({ type }) => type === 'challenge'));
    peer.send(frameOf({ type: 'proof', proof: Buffer.alloc(32) }));
    await peer.ended;
    expect(messagesOf(peer.received).map(({ type }) => type)).toEqual(['challenge', 'refusal']);
    await expectUnaffected();
  });
});

/** Somebody who is to link by what listens at a port, and never does. */
async function dialInVain(port: number): Promise<void> {
  const registerAddress = `127.0.0.1:${port}`;
  const options = { registerAddress, secretKey, innerTls: own, connectTimeoutMs: 600 };
  const dialing = GatewayClient.connect(options, captureLogger().logger);
  await expect(dialing).rejects.toMatchObject({ code: 'GW_ERR_CONNECT_TIMEOUT' });
}

test('who dials by TLS says nothing in plain to one in between that takes TLS off', async () => {
  const { cert, key, ca } = own;
  const between = await listenFalsely((near, first) => {
    // It speaks TLS to the true register, by a certificate that it has stolen, and plain to the dialer.
    const far = connectTls({ cert, key, ca, host: '127.0.0.1', port: cluster.register.port });
    far.on('error', () => undefined).write(first);
    far.pipe(near).pipe(far);
  });
  await dialInVain(between.port);
  expect(between.peers.length).toBeGreaterThan(0);
  for (const { received } of between.peers) expect(received[0]).toBe(TLS_HANDSHAKE);
  await expectUnaffected();
});

test('who dials by TLS says nothing to one in between that has a certificate of another authority', async () => {
  const inside: TLSSocket[] = [];
  const said: Buffer[] = [];
  const between = createServer({ cert: foreign.cert, key: foreign.key }, (near) => {
    inside.push(near);
    near.on('data', (chunk: Buffer) => said.push(chunk)).on('error', () => undefined);
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
  await dialInVain(typeof address === 'object' ? (address?.port ?? 0) : 0);
  await eventually(() => refusals + inside.length > 0);
  expect(Buffer.concat(said)).toHaveLength(0);
  await expectUnaffected();
});

test('who dials in plain, by one in between that puts TLS on, is let in only as far as that one has a certificate', async () => {
  const between = await listenFalsely((near, first) => {
    const { ca } = own;
    const far = connectTls({ ca, host: '127.0.0.1', port: cluster.register.port });
    far.on('error', () => near.destroy()).write(first);
    far.pipe(near).pipe(far);
  });
  const peer = say(connect(between.port, '127.0.0.1'));
  await peer.ended;
  expect(peer.received).toHaveLength(0);
  await expectUnaffected();
});
