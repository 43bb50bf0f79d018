import { eventually, FaultProxy, freePorts } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

/** Somebody in between who breaks what passes and lets nothing new through. */
function block(network: FaultProxy): void {
  network.refuse(true);
  network.cut();
}

test('a register that comes back empty makes nobody forget a gateway that cannot be reached at that moment', async () => {
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

  // The network of the gateway fails while the only register is started anew.
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

  // What the register before has said leads to it again: the new one has not heard of it yet.
  links.refuse(false);
  await eventually(async () => (await api.getAllClientIdCount().catch(() => -1)) === 0);
  expect(gateways[0]?.status().notices).toEqual(['no register is linked']);
});
