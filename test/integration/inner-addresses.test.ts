import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { FlushScheduler } from '@gatewayworker/core';
import { createDiscovery, type GatewayMap, parseDiscoveryAddress } from '@gatewayworker/discovery';
import type { GatewayOptions } from '@gatewayworker/gateway';
import { DialerRole } from '@gatewayworker/protocol';
import {
  captureLogger,
  eventually,
  FaultProxy,
  freePorts,
  type Roles,
} from '@gatewayworker/testing';
import type { EventHandler } from 'gatewayworker';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

const secretKey = 'k';
const echo: EventHandler = { onMessage: (_id, message, ctx) => void ctx.send(message) };

/** Addresses of the gateways of a cluster, from a register. */
async function announcedBy(cluster: Roles): Promise<string[]> {
  let known: GatewayMap = new Map();
  const address = parseDiscoveryAddress('test', cluster.registerAddress);
  const identity = { role: DialerRole.Client, instanceId: randomUUID(), name: 'test', id: 0 };
  const { logger } = captureLogger();
  const options = { identity, secretKey, scheduler: new FlushScheduler(), logger };
  const directory = createDiscovery(address, options).follow((gateways) => {
    known = gateways;
  });
  onTestFinished(() => directory.close());
  await eventually(() => known.size === cluster.gateways.length);
  return [...known.keys()].sort();
}

/** Checks that each gateway serves its clients, by a worker that has dialed it. */
async function expectServed(cluster: Roles): Promise<void> {
  for (const [index] of cluster.gateways.entries()) {
    const client = await cluster.connect(index);
    client.send('x');
    expect(await client.next()).toBe('x');
  }
}

const hasIPv6 = Object.values(networkInterfaces())
  .flat()
  .some((own) => own?.address === '::1');

type Inner = Pick<GatewayOptions, 'lanIp' | 'innerListen'>;

const inners: [string, Inner][] = [
  ['the address that is bound', { lanIp: '127.0.0.1' }],
  ['one of all that are bound', { lanIp: '127.0.0.2', innerListen: '0.0.0.0' }],
  ['an IPv6 address', { lanIp: '::1' }],
  ['an IPv6 address of all that are bound', { lanIp: '::1', innerListen: '::' }],
  ['an IPv4 address where both kinds are bound', { lanIp: '127.0.0.1', innerListen: '::' }],
  ['a host name', { lanIp: 'localhost', innerListen: '::' }],
];
// Not every machine has IPv6.
const possible = inners.filter(
  ([, { lanIp, innerListen }]) => hasIPv6 || (lanIp !== '::1' && innerListen !== '::'),
);

test.each(possible)('inner address: others dial %s', async (_name, inner) => {
  const lanIp = inner.lanIp ?? '';
  const dialed = isIP(lanIp) === 6 ? `[${lanIp}]` : lanIp;
  const [given = 0] = await freePorts(2);
  // A given port is the first of a row; 0 takes free ports, which are announced.
  for (const startPort of [given, 0]) {
    const options = { ...inner, startPort };
    const cluster = await roles({ events: echo, gateways: 2, secretKey, gatewayOptions: options });
    const ports = cluster.gateways.map(({ innerPort }) => innerPort);
    if (startPort !== 0) expect(ports).toEqual([given, given + 1]);
    else expect(ports.every((port) => port > 0)).toBe(true);
    expect(await announcedBy(cluster)).toEqual(ports.map((port) => `${dialed}:${port}`).sort());
    await expectServed(cluster);
    await cluster.stop();
  }
});

test('inner address: with a mapped port others dial startPort, not the bound port', async () => {
  const [bound = 0] = await freePorts(1);
  const mapping = await FaultProxy.start(bound);
  onTestFinished(() => mapping.stop());
  const gatewayOptions = { startPort: mapping.port, innerListen: `127.0.0.1:${bound}` };
  const cluster = await roles({ events: echo, secretKey, gatewayOptions });
  expect(await announcedBy(cluster)).toEqual([`127.0.0.1:${mapping.port}`]);
  await expectServed(cluster);
  expect(mapping.accepted).toBeGreaterThan(0);
});

test('inner address: a free port of innerListen is announced as it was bound', async () => {
  const gatewayOptions = { startPort: 2000, innerListen: '127.0.0.1:0' };
  const cluster = await roles({ events: echo, gateways: 2, secretKey, gatewayOptions });
  const ports = cluster.gateways.map(({ innerPort }) => innerPort);
  expect(await announcedBy(cluster)).toEqual(ports.map((port) => `127.0.0.1:${port}`).sort());
  await expectServed(cluster);
});

test('register: warns once of two gateways with one address, by both names', async () => {
  const [announced = 0, one = 0, other = 0, third = 0] = await freePorts(4);
  const cluster = await roles({
    events: echo,
    secretKey,
    gateways: 2,
    workers: 0,
    // Each adds its number to both ports.
    gatewayOptions: (id) => ({
      name: `gate-${id}`,
      startPort: announced - id,
      innerListen: `127.0.0.1:${([one, other, third][id] ?? 0) - id}`,
    }),
  });
  const warnings = () => cluster.log.filter(({ msg }) => String(msg).startsWith('two gateways'));
  const address = `127.0.0.1:${announced}`;
  const told = { address, gateway: 'gate-1', other: { gateway: 'gate-0' } };
  expect(warnings()).toMatchObject([told]);
  await cluster.gateways[1]?.stop();
  await cluster.startGateway().then((gateway) => gateway.stop());
  expect(warnings()).toHaveLength(1);
});
