import { eventually, FaultProxy, freePorts } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ResumableClient } from './resumable-client.ts';
import { gate, roles } from './roles.ts';

test('resume: a gateway that drains makes its clients go to another one', async () => {
  const ends: string[] = [];
  const cluster = await roles({
    gateways: 2,
    events: {
      onMessage: (_id, message, ctx) => void ctx.send(`echo ${message}`),
      onClose: (id) => void ends.push(id),
    },
  });
  const [first = 0, second = 0] = cluster.gateways.map(({ port }) => port);
  const client = await ResumableClient.open(first);
  const late = await ResumableClient.open(first);
  const stopped = cluster.gateways[0]?.stop({ isGraceful: true, timeoutMs: 5000, drainMs: 1000 });
  await eventually(() => client.goAways === 1);
  // A second connection first; the gateway closes the previous one.
  const moved = await ResumableClient.resume(second, client);
  expect(moved.welcome).toMatchObject({ isResumed: true, clientId: client.welcome.clientId });
  expect(await client.socket.ended).toMatchObject({ code: 4412 });
  // A client that ignores GoAway is disconnected at the end, and resumes too.
  expect(await late.socket.ended).toMatchObject({ code: 1012 });
  const back = await ResumableClient.resume(second, late);
  expect(back.welcome).toMatchObject({ isResumed: true, clientId: late.welcome.clientId });
  await stopped;
  moved.send('one');
  await eventually(() => moved.texts.length === 1);
  expect(moved.texts).toEqual(['echo one']);
  expect(ends).toEqual([]);
});

test('resume: a slow consumer resumes, and gets what it did not read', async () => {
  const cluster = await roles({
    gatewayOptions: { sendToClientBufferSize: 65_536 },
    events: { onMessage: () => undefined },
  });
  const port = cluster.gateways[0]?.port ?? 0;
  const api = await cluster.gatewayClient();
  const client = await ResumableClient.open(port);
  const { clientId } = client.welcome;
  client.socket.pause();
  const text = 'x'.repeat(60_000);
  let sent = 0;
  await eventually(() => {
    for (let left = 20; left > 0; left -= 1) {
      sent += 1;
      api.sendToClient(clientId, `${sent} ${text}`);
    }
    return cluster.gateways[0]?.status().limits['slowConsumer'] === 1;
  });
  await eventually(async () => !(await api.isOnline(clientId)));
  client.socket.resume();
  // 1006 if the close frame was not read within a second.
  expect([1013, 1006]).toContain((await client.socket.ended).code);
  const back = await ResumableClient.resume(port, client);
  expect(back.welcome.isResumed).toBe(true);
  await eventually(() => client.texts.length + back.texts.length === sent);
  const numbers = [...client.texts, ...back.texts].map((each) => Number.parseInt(each, 10));
  expect(numbers).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
  expect(back.gaps).toEqual([]);
});

test('resume: a connected client gets what a sender sent while their link was broken', async () => {
  const [innerPort = 0] = await freePorts(1);
  const proxy = await FaultProxy.start(innerPort);
  onTestFinished(() => proxy.stop());
  const senders: { send: (text: string) => void }[] = [];
  const cluster = await roles({
    gatewayOptions: { startPort: proxy.port, innerListen: `127.0.0.1:${innerPort}` },
    events: {
      onWorkerStart: ({ gateway }) => {
        senders.push({ send: (text) => void gateway.sendToGroup('g1', text) });
      },
      onConnect: () => undefined,
      onHandshake: () => ({ accept: true, groups: ['g1'] }),
    },
  });
  const [worker] = senders;
  const client = await ResumableClient.open(cluster.gateways[0]?.port ?? 0);
  worker?.send('before');
  await eventually(() => client.texts.length === 1);
  proxy.refuse(true);
  proxy.cut();
  // The link is not resumed in time, so it ends.
  await eventually(() => cluster.gateways[0]?.workerCount === 0);
  worker?.send('while it was broken');
  proxy.refuse(false);
  await eventually(() => cluster.gateways[0]?.workerCount === 1);
  worker?.send('after');
  await eventually(() => client.texts.length === 3);
  expect(client.texts).toEqual(['before', 'while it was broken', 'after']);
  expect([client.repeated, client.gaps]).toEqual([0, []]);
});

test('resume: of two connections with one secret, one has the session', async () => {
  const cluster = await roles({ gateways: 2, events: { onMessage: () => undefined } });
  const [first = 0, second = 0] = cluster.gateways.map(({ port }) => port);
  const client = await ResumableClient.open(first);
  client.drop();
  const both = await Promise.all([
    ResumableClient.resume(first, client),
    ResumableClient.resume(second, client),
  ]);
  const api = await cluster.gatewayClient();
  await eventually(() => both.filter(({ socket }) => !socket.isOpen).length <= 1);
  const { clientId } = client.welcome;
  api.sendToClient(clientId, 'to one');
  await eventually(() => both.some(({ texts }) => texts.length === 1));
  const winners = both.filter(
    ({ socket, welcome }) => socket.isOpen && welcome.clientId === clientId,
  );
  expect(winners).toHaveLength(1);
  expect(winners[0]?.texts).toEqual(['to one']);
});

test('resume: after a move, the callback that was running stores its session', async () => {
  const { opened, open } = gate();
  const cluster = await roles({
    gateways: 2,
    events: {
      onMessage: async (_id, message, ctx) => {
        if (message === 'slow') await opened;
        ctx.session = { ...ctx.session, [String(message)]: true };
        ctx.send(JSON.stringify(ctx.session));
      },
    },
  });
  const [first = 0, second = 0] = cluster.gateways.map(({ port }) => port);
  const api = await cluster.gatewayClient();
  const client = await ResumableClient.open(first);
  const { clientId } = client.welcome;
  client.send('slow');
  await client.socket.ping();
  const back = await ResumableClient.resume(second, client);
  expect(back.welcome).toMatchObject({ isResumed: true, handled: 1 });
  back.send('next');
  open();
  await eventually(() => back.texts.length === 2);
  expect(back.texts.map((text) => JSON.parse(text))).toEqual([
    { slow: true },
    { slow: true, next: true },
  ]);
  expect(await api.getSession(clientId)).toEqual({ slow: true, next: true });
});

test('resume: elsewhere, what a sender sent before it ended arrives too', async () => {
  const cluster = await roles({ gateways: 2, events: { onMessage: () => undefined } });
  const [first = 0, second = 0] = cluster.gateways.map(({ port }) => port);
  // The second gateway knows the sender, but not what it sends to clients of the first one.
  await ResumableClient.open(second);
  const sender = await cluster.gatewayClient();
  const api = await cluster.gatewayClient();
  const client = await ResumableClient.open(first);
  const { clientId } = client.welcome;
  sender.sendToClient(clientId, 'one');
  await eventually(() => client.texts.length === 1);
  client.drop();
  await eventually(async () => !(await api.isOnline(clientId)));
  sender.sendToClient(clientId, 'two');
  await sender.close();
  const back = await ResumableClient.resume(second, client);
  api.sendToClient(clientId, 'three');
  await eventually(() => back.texts.length === 2);
  expect(back.texts.toSorted()).toEqual(['three', 'two']);
  expect([back.repeated, back.gaps]).toEqual([0, []]);
});
