import {
  BusinessWorkerRuntime,
  resolveBusinessWorkerOptions,
} from '@gatewayworker/business-worker';
import { GatewayClient } from '@gatewayworker/gateway-client';
import { captureLogger, eventually, makeCertificate, openTcpPeer } from '@gatewayworker/testing';
import type { EventHandler } from 'gatewayworker';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

const echo: EventHandler = { onMessage: (_id, message, ctx) => void ctx.send(message) };

let own: { cert: string; key: string; ca: string };
let foreign: { cert: string; key: string; ca: string };

beforeAll(async () => {
  const [one, other] = await Promise.all([makeCertificate(), makeCertificate()]);
  own = { ...one, ca: one.cert };
  foreign = { ...other, ca: other.cert };
});

test('innerTls: all inner links use TLS and carry 1 MB messages', async () => {
  const cluster = await roles({ events: echo, gateways: 2, workers: 2, innerTls: own });
  const clients = [await cluster.connect(0), await cluster.connect(1)];
  const text = 'ü'.repeat(500_000);
  for (const client of clients) {
    client.send(text);
    expect(await client.next()).toBe(text);
  }
  const api = await cluster.gatewayClient();
  expect(await api.getAllClientIdCount()).toBe(2);
});

test.each([
  ['in plain', undefined],
  ['without a certificate', 'anonymous'],
  ['with a certificate of another authority', 'foreign'],
])('innerTls: a dialer %s is refused, other links stay', async (_name, kind) => {
  const cluster = await roles({ events: echo, innerTls: own });
  const client = await cluster.connect();
  const tls = kind === 'anonymous' ? { ca: own.ca } : { ...foreign, ca: own.ca };
  const { secretKey, connectTimeoutMs } = { secretKey: '', connectTimeoutMs: 400 };
  const { registerAddress } = cluster;
  const options = { registerAddress, secretKey, connectTimeoutMs };
  const stranger = GatewayClient.connect(
    kind === undefined ? options : { ...options, innerTls: tls },
    captureLogger().logger,
  );
  await expect(stranger).rejects.toMatchObject({ code: 'GW_ERR_CONNECT_TIMEOUT' });
  client.send('x');
  expect(await client.next()).toBe('x');
});

test('innerTls: a dialer refuses a listener of another authority', async () => {
  const cluster = await roles({
    events: echo,
    innerTls: { cert: own.cert, key: own.key, ca: own.ca },
  });
  const stranger = cluster.gatewayClient({ innerTls: foreign, connectTimeoutMs: 400 });
  await expect(stranger).rejects.toMatchObject({ code: 'GW_ERR_CONNECT_TIMEOUT' });
  expect(cluster.log.some(({ reason }) => /certificate/.test(String(reason)))).toBe(true);
});

test('innerTls without ca: a listener needs the key, but no certificate', async () => {
  const cluster = await roles({
    events: echo,
    secretKey: 'the key',
    // Of the register alone; a dialer needs an authority to trust it.
    innerTls: { cert: own.cert, key: own.key },
    gatewayOptions: { innerTls: own },
    workerOptions: { innerTls: own },
  });
  const anonymous = { innerTls: { ca: own.ca }, connectTimeoutMs: 600 };
  // It reaches the register, which names a gateway that requires a certificate.
  const api = await cluster.gatewayClient(anonymous);
  await expect(api.getAllClientIdCount()).rejects.toMatchObject({ code: 'GW_ERR_NOT_CONNECTED' });
  expect(
    cluster.log.some(({ reason }) => /did not return a certificate/.test(String(reason))),
  ).toBe(true);
  const stranger = cluster.gatewayClient({ ...anonymous, secretKey: 'another' });
  await expect(stranger).rejects.toMatchObject({ code: 'GW_ERR_AUTHENTICATION_FAILED' });
  const client = await cluster.connect();
  client.send('x');
  expect(await client.next()).toBe('x');
});

test('innerTls without ca: a dialer trusts the authorities of Node.js only', async () => {
  const { registerAddress, log } = await roles({ events: echo, innerTls: own });
  const innerTls = { cert: own.cert, key: own.key };
  const captured = captureLogger();
  const dialing = GatewayClient.connect(
    { registerAddress, innerTls, connectTimeoutMs: 400 },
    captured.logger,
  );
  await expect(dialing).rejects.toMatchObject({ code: 'GW_ERR_CONNECT_TIMEOUT' });
  expect(captured.lines).toMatchObject([
    { reason: expect.stringMatching(/^self-signed certificate/) },
  ]);
  expect(log.some(({ msg }) => msg === 'gateway announced')).toBe(true);
});

test('innerTls.servername: all certificates must have that name', async () => {
  const { cert, key } = await makeCertificate('inner.example');
  const named = { cert, key, ca: cert, servername: 'inner.example' };
  const cluster = await roles({ events: echo, innerTls: named });
  const client = await cluster.connect();
  client.send('x');
  expect(await client.next()).toBe('x');
  for (const servername of [undefined, 'other.example']) {
    const captured = captureLogger();
    const innerTls = { cert, key, ca: cert, ...(servername && { servername }) };
    const { registerAddress } = cluster;
    const options = { registerAddress, innerTls, connectTimeoutMs: 400 };
    const dialing = GatewayClient.connect(options, captured.logger);
    await expect(dialing).rejects.toMatchObject({ code: 'GW_ERR_CONNECT_TIMEOUT' });
    expect(captured.lines).toMatchObject([
      { reason: expect.stringContaining("does not match certificate's altnames") },
    ]);
  }
});

test('innerTls: an unfinished handshake delays neither other links nor a stop', async () => {
  const cluster = await roles({ events: echo, innerTls: own });
  const peer = await openTcpPeer(cluster.gateways[0]?.innerPort ?? 0);
  onTestFinished(() => peer.destroy());
  const client = await cluster.connect();
  client.send('x');
  expect(await client.next()).toBe('x');
  await cluster.gateways[0]?.stop();
  await peer.ended;
});

test('secretKey: a process with two keys links with either', async () => {
  const cluster = await roles({ events: echo, secretKey: ['old', 'new'] });
  const { registerAddress } = cluster;
  for (const secretKey of ['old', 'new', ['newer', 'new']]) {
    const api = await cluster.gatewayClient({ secretKey });
    expect(await api.getAllClientIdCount()).toBe(0);
  }
  const stranger = cluster.gatewayClient({ secretKey: 'newer', connectTimeoutMs: 400 });
  await expect(stranger).rejects.toMatchObject({ code: 'GW_ERR_AUTHENTICATION_FAILED' });
  const options = { name: 'late', eventHandler: '/given/by/the/test', registerAddress };
  const late = new BusinessWorkerRuntime(
    resolveBusinessWorkerOptions({ ...options, secretKey: 'new' }),
    { id: 0, logger: captureLogger().logger, loadEvents: async () => echo },
  );
  onTestFinished(() => late.stop());
  await late.start();
  await eventually(() => cluster.gateways[0]?.workerCount === 2);
  expect(JSON.stringify(cluster.log)).not.toMatch(/"(?:old|new|newer)"/);
});

test.each([
  [
    'who dials has both keys, who accepts the old one',
    'old',
    [
      ['new', 'old'],
      ['old', 'new'],
    ],
  ],
  ['who dials has the old key, who accepts both', ['new', 'old'], ['old', ['older', 'old']]],
] as const)('secretKey: one common key is enough, %s', async (_name, accepted, dialed) => {
  const cluster = await roles({ events: echo, secretKey: accepted });
  for (const secretKey of dialed) {
    const api = await cluster.gatewayClient({ secretKey });
    expect(await api.getAllClientIdCount()).toBe(0);
  }
  for (const secretKey of ['older', ['newer', 'newest']]) {
    const stranger = cluster.gatewayClient({ secretKey, connectTimeoutMs: 400 });
    await expect(stranger).rejects.toMatchObject({ code: 'GW_ERR_AUTHENTICATION_FAILED' });
  }
});
