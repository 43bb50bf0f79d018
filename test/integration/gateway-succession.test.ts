import { loadGateway, resolveGatewayOptions } from '@gatewayworker/gateway';
import { captureLogger, eventually, openClient } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

async function startBeside(registerAddress: string, startPort: number, hasPredecessor: boolean) {
  const { logger, lines } = captureLogger();
  const options = { listen: 'websocket://127.0.0.1:0', startPort, registerAddress };
  const context = { id: 0, logger, hasPredecessor };
  const gateway = await loadGateway(resolveGatewayOptions(options), context);
  onTestFinished(() => gateway.stop());
  await gateway.start();
  return { gateway, lines };
}

test('a gateway takes a free inner port beside the one before it, and workers find it there', async () => {
  const cluster = await roles({
    events: { onMessage: (_id, message, ctx) => void ctx.send(message) },
  });
  const taken = cluster.gateways[0]?.innerPort ?? 0;
  await expect(startBeside(cluster.registerAddress, taken, false)).rejects.toMatchObject({
    code: 'GW_ERR_LISTEN_FAILED',
    message: expect.stringContaining('the port is in use by another process'),
  });
  const { gateway, lines } = await startBeside(cluster.registerAddress, taken, true);
  expect(gateway.innerPort).not.toBe(taken);
  expect(lines).toContainEqual(expect.objectContaining({ taken, port: gateway.innerPort }));
  await eventually(() => gateway.workerCount === 1);
  const client = await openClient(gateway.port);
  client.send('hello');
  expect(await client.next()).toBe('hello');
  await client.close();
});

test('a gateway leaves when its last client has gone, not before', async () => {
  const cluster = await roles({
    events: { onMessage: (_id, message, ctx) => void ctx.send(message) },
  });
  const [gateway] = cluster.gateways;
  const [one, other] = [await cluster.connect(), await cluster.connect()];
  let hasLeft = false;
  const left = gateway?.leave().then(() => {
    hasLeft = true;
  });
  await one.close();
  other.send('still here');
  expect(await other.next()).toBe('still here');
  expect(hasLeft).toBe(false);
  await other.close();
  await left;
});

test('queries are whole while gateways come and go', async () => {
  const cluster = await roles({ events: { onConnect: () => undefined }, gateways: 2 });
  const clients = [await cluster.connect(0), await cluster.connect(1)];
  const api = await cluster.gatewayClient();
  await eventually(async () => (await api.getAllClientIdCount()) === clients.length);
  const [clientId = ''] = await api.getAllClientIdList();
  const failures: unknown[] = [];
  const counts = new Set<number>();
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      await Promise.all([api.getAllClientIdCount(), api.isOnline(clientId)]).then(
        ([count]) => counts.add(count),
        (error: unknown) => failures.push(error),
      );
    }
  })();
  for (let round = 0; round < 10; round += 1) {
    const { gateway } = await startBeside(cluster.registerAddress, 0, false);
    await gateway.stop();
  }
  isOver = true;
  await asking;
  expect(failures).toEqual([]);
  expect([...counts]).toEqual([clients.length]);
});

test('queries do without a gateway that took leave while no register was there to tell', async () => {
  const cluster = await roles({ events: { onConnect: () => undefined }, gateways: 2 });
  await cluster.connect(0);
  await cluster.connect(1);
  const api = await cluster.gatewayClient();
  await eventually(async () => (await api.getAllClientIdCount()) === 2);
  await cluster.stopRegister();
  await cluster.gateways[1]?.stop();
  expect(await api.getAllClientIdCount()).toBe(1);
});
