import { randomUUID } from 'node:crypto';
import {
  DialedLink,
  FlushScheduler,
  type FrameConnection,
  parseHostPort,
} from '@gatewayworker/core';
import { DialerRole, type Message, readMessage } from '@gatewayworker/protocol';
import {
  captureLogger,
  eventually,
  FaultProxy,
  freePorts,
  type Roles,
} from '@gatewayworker/testing';
import { GatewayClient } from 'gatewayworker';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

/** A proxy that breaks its connections and accepts no new ones. */
function block(network: FaultProxy): void {
  network.refuse(true);
  network.cut();
}

test('register restart: an empty list does not remove an unreachable gateway', async () => {
  const [inner = 0] = await freePorts(1);
  const links = await FaultProxy.start(inner);
  onTestFinished(() => links.stop());
  const cluster = await roles({ events: {}, gateways: 0, workers: 0 });
  const announcements = await FaultProxy.start(cluster.register.port);
  onTestFinished(() => announcements.stop());
  const { gateways } = await roles({
    events: {},
    workers: 0,
    registerAddress: `127.0.0.1:${announcements.port}`,
    gatewayOptions: { startPort: links.port, innerListen: `127.0.0.1:${inner}` },
  });
  const api = await cluster.gatewayClient();
  expect(await api.getAllClientIdCount()).toBe(0);

  // The network of the gateway fails while the only register restarts.
  await cluster.stopRegister();
  block(links);
  block(announcements);
  await cluster.startRegister();
  await eventually(() => cluster.register.status().sent > 0);
  await eventually(() =>
    api.getAllClientIdCount().then(
      () => false,
      () => true,
    ),
  );

  // The list of the previous register still has it; the new one does not know it yet.
  links.refuse(false);
  await eventually(async () => (await api.getAllClientIdCount().catch(() => -1)) === 0);
  expect(gateways[0]?.status().warnings).toEqual(['no register is linked']);
});

/** Links to the register as a process of this role. */
async function dialRegister(
  cluster: Roles,
  role: DialerRole,
  onList: (list: Message<'gatewayList'>) => void = () => undefined,
): Promise<FrameConnection> {
  return new Promise((resolve) => {
    const link = new DialedLink({
      secretKey: '',
      scheduler: new FlushScheduler(),
      logger: captureLogger().logger,
      address: parseHostPort('registerAddress', cluster.registerAddress),
      identity: { role, instanceId: randomUUID(), name: 'a process', id: 0 },
      onUp: (connection) => {
        connection.onFrame = (...frame) => {
          const message = readMessage(...frame);
          if (message?.type === 'gatewayList') onList(message);
        };
        resolve(connection);
      },
      onDown: () => undefined,
    });
    onTestFinished(() => link.close());
  });
}

test.each([
  { isAgain: true, what: 'a register that follows one that was known', lengths: [2] },
  { isAgain: false, what: 'a register of a new cluster', lengths: [1, 2] },
])('$what: lists $lengths gateways to a worker that starts then', async ({ isAgain, lengths }) => {
  const cluster = await roles({ events: {}, gateways: 0, workers: 0 });
  const dialed = [
    dialRegister(cluster, DialerRole.Gateway),
    dialRegister(cluster, DialerRole.Gateway),
  ];
  const [first, second] = await Promise.all(dialed);
  const announce = (connection: FrameConnection | undefined, port: number): void => {
    const gateway = { address: `127.0.0.1:${port}`, instanceId: `${port}`, gatewayToken: port };
    connection?.send({
      type: 'gatewayAnnouncement',
      gateway: { ...gateway, name: 'gateway' },
      isAgain,
    });
  };
  announce(first, 1);
  // The register has handled the announcement of one before it links another.
  await eventually(() => cluster.register.status().received === 1);
  const seen: number[] = [];
  await dialRegister(cluster, DialerRole.Worker, ({ gateways }) => seen.push(gateways.length));
  if (!isAgain) await eventually(() => seen.length === 1);
  announce(second, 2);
  await eventually(() => seen.at(-1) === 2);
  expect(seen).toEqual(lengths);
});

test('start: waits for the lists of all registers, an empty one may be first', async () => {
  const empty = await roles({ events: {}, gateways: 0, workers: 0 });
  const { register } = empty;
  const cluster = await roles({ events: {}, gateways: 2, workers: 0 });
  const far = await FaultProxy.start(cluster.register.port);
  onTestFinished(() => far.stop());
  far.set({ delayMs: 50 });
  // It sends its empty list at once, because its settling time is over.
  await dialRegister(empty, DialerRole.Worker, () => undefined);
  await eventually(() => register.status().sent > 0);
  const registerAddress = [empty.registerAddress, `127.0.0.1:${far.port}`];
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const api = await GatewayClient.connect({ registerAddress });
    onTestFinished(() => api.close());
    expect(await api.getAllClientIdCount()).toBe(0);
  }
});

test('start: a register that is down does not prevent it', async () => {
  const cluster = await roles({ events: {}, gateways: 1, workers: 0 });
  const away = await FaultProxy.start(cluster.register.port);
  onTestFinished(() => away.stop());
  away.set({ isBlackHole: true });
  const registerAddress = [`127.0.0.1:${away.port}`, cluster.registerAddress];
  const api = await GatewayClient.connect({ registerAddress });
  onTestFinished(() => api.close());
  expect(await api.getAllClientIdCount()).toBe(0);
});

test('register start: sends no empty list before its settling time is over', async () => {
  const cluster = await roles({ events: {}, gateways: 0, workers: 0 });
  const seen: number[] = [];
  await dialRegister(cluster, DialerRole.Worker, ({ gateways }) => seen.push(gateways.length));
  const gateway = await dialRegister(cluster, DialerRole.Gateway);
  const entry = { address: '127.0.0.1:1', instanceId: 'one', gatewayToken: 1, name: 'gateway' };
  gateway.send({ type: 'gatewayAnnouncement', gateway: entry, isAgain: false });
  await eventually(() => seen.length > 0);
  expect(seen).toEqual([1]);
});
