import { setImmediate as turn } from 'node:timers/promises';
import {
  eventually,
  FaultyGuard,
  freePorts,
  makeCertificate,
  openTcpPeer,
  type RolesOptions,
  type TestClient,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { succeed } from './in-process-successor.ts';
import { gate, roles } from './roles.ts';
import { frame, Opcode, openRaw } from './websocket-frames.ts';

const graceful = { isGraceful: true, timeoutMs: 5000, drainMs: 5000 };

/** An application that records its events. */
function noting() {
  const notes: string[] = [];
  const ids: string[] = [];
  const events: RolesOptions['events'] = {
    onConnect: (id) => void ids.push(id),
    onMessage: (_id, message, ctx) => {
      notes.push(String(message));
      ctx.session = { last: String(message) };
      ctx.send(`${message} after ${ctx.session['last']}`);
    },
    onClose: (id, ctx) => void notes.push(`close ${ids.indexOf(id)} ${ctx.closed?.by}`),
  };
  return { notes, ids, events };
}

async function speak(client: TestClient, text: string): Promise<void> {
  client.send(text);
  await eventually(() => client.messages.some((message) => String(message).startsWith(text)));
}

test('handover: clients keep id, uid, groups, session and their worker', async () => {
  const { notes, ids, events } = noting();
  const cluster = await roles({ events });
  const clients = [await cluster.connect(), await cluster.connect()];
  for (const [index, client] of clients.entries()) await speak(client, `before ${index}`);
  const api = await cluster.gatewayClient();
  const [first = '', second = ''] = ids;
  api.bindUid(first, 'anna');
  api.joinGroup(second, 'room');
  await eventually(async () => (await api.getUidListByGroup('room')).length === 0);
  const { handedOver, started } = await succeed(cluster);
  await handedOver;
  const successor = await started;
  await cluster.gateways[0]?.stop(graceful);
  expect(successor.status().tables).toMatchObject({ clients: 2, uids: 1, groups: 1 });

  for (const [index, client] of clients.entries()) await speak(client, `after ${index}`);
  expect(await api.getClientIdByUid('anna')).toEqual([first]);
  expect(await api.getSession(second)).toEqual({ last: 'after 1' });
  api.sendToUid('anna', 'to anna');
  api.sendToGroup('room', 'to the room');
  api.sendToClient(second, 'to the second');
  await eventually(() => clients[0]?.messages.includes('to anna'));
  await eventually(() => clients[1]?.messages.includes('to the second'));
  expect(clients[1]?.messages.slice(-2)).toEqual(['to the room', 'to the second']);
  expect(notes).toEqual(['before 0', 'before 1', 'after 0', 'after 1']);
  expect(ids).toHaveLength(2);
});

test('handover: an event that its worker has not finished is finished afterwards', async () => {
  const { opened, open } = gate();
  const heard: string[] = [];
  const cluster = await roles({
    events: {
      onMessage: async (_id, message, ctx) => {
        heard.push(String(message));
        if (message === 'slow') await opened;
        ctx.send(`done ${message}`);
      },
    },
  });
  const client = await cluster.connect();
  client.send('slow');
  await eventually(() => heard.length === 1);
  client.send('next');
  const { handedOver, started } = await succeed(cluster);
  await handedOver;
  const successor = await started;
  await cluster.gateways[0]?.stop(graceful);
  expect(successor.status().inFlight).toBe(2);
  client.send('last');
  open();
  await eventually(() => client.messages.length === 3);
  expect(client.messages).toEqual(['done slow', 'done next', 'done last']);
  await eventually(() => successor.status().inFlight === 0);
});

test('handover: an unacknowledged event is redelivered when its worker dies afterwards', async () => {
  const { opened, open } = gate();
  const seen: { readonly workerId: number; readonly text: string }[] = [];
  const cluster = await roles({
    events: (workerId) => ({
      onMessage: async (_id, message, ctx) => {
        seen.push({ workerId, text: `${message}${ctx.redelivered ? ' again' : ''}` });
        if (!ctx.redelivered) await opened;
        ctx.send(`done ${message}`);
      },
    }),
    workers: 2,
    workerOptions: { redeliver: true },
  });
  const client = await cluster.connect();
  for (const text of ['a', 'b']) client.send(text);
  await eventually(() => seen.length === 1);
  const { handedOver, started } = await succeed(cluster);
  await handedOver;
  await started;
  await cluster.gateways[0]?.stop(graceful);
  const bound = seen[0]?.workerId ?? 0;
  await cluster.workers[bound]?.stop({ isGraceful: true, timeoutMs: 300, drainMs: 0 });
  await eventually(() => client.messages.length === 2);
  expect(seen.map(({ text }) => text)).toEqual(['a', 'a again', 'b again']);
  expect(seen.slice(1).map(({ workerId }) => workerId)).toEqual([1 - bound, 1 - bound]);
  expect(client.messages).toEqual(['done a', 'done b']);
  open();
});

test('handover: works with inner TLS, and keeps the address of a PROXY header', async () => {
  const { cert, key } = await makeCertificate();
  const listen = `text://127.0.0.1:${(await freePorts(1))[0]}`;
  const gatewayOptions = { listen, trustProxy: true, proxyProtocol: true };
  const innerTls = { cert, key, ca: cert };
  const cluster = await roles({
    innerTls,
    gatewayOptions,
    events: {
      onMessage: (_id, message, ctx) => void ctx.send(`${message} ${ctx.remoteAddress};`),
    },
  });
  const peer = await openTcpPeer(cluster.gateways[0]?.port ?? 0);
  onTestFinished(() => peer.destroy());
  peer.send('PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\nbefore\n');
  await eventually(() => peer.received.includes('before 203.0.113.7;'));
  const { handedOver, started } = await succeed(cluster, { innerTls, ...gatewayOptions });
  await handedOver;
  const successor = await started;
  await cluster.gateways[0]?.stop(graceful);
  peer.send('after\n');
  await eventually(() => peer.received.includes('after 203.0.113.7;'));
  const rows = [...(successor.connections?.() ?? [])].flat();
  expect(rows.map(({ remoteAddress }) => remoteAddress)).toEqual(['203.0.113.7:40000']);
});

test('handover: a handshake that a worker has not decided goes to the successor', async () => {
  const { opened, open } = gate();
  let asked = 0;
  const cluster = await roles({
    events: {
      onHandshake: async () => {
        asked += 1;
        if (asked === 1) await opened;
        return { accept: true, uid: `uid-${asked}` };
      },
      onMessage: (_id, message, ctx) => void ctx.send(`${ctx.uid} ${message}`),
    },
  });
  const connecting = cluster.connect();
  await eventually(() => asked === 1);
  const { handedOver, started } = await succeed(cluster);
  await handedOver;
  const successor = await started;
  const client = await connecting;
  open();
  await cluster.gateways[0]?.stop(graceful);
  await speak(client, 'uid-2');
  expect(asked).toBe(2);
  expect(successor.status().tables['clients']).toBe(1);
});

test('handover: a successor that is lost during it changes nothing', async () => {
  const { notes, events } = noting();
  const cluster = await roles({ events });
  const client = await cluster.connect();
  await speak(client, 'before');
  const api = await cluster.gatewayClient();
  const { near, far, handedOver, started } = await succeed(cluster);
  let heard = '';
  near.prependListener('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
    if (!heard.includes('infoRead')) return;
    // The frames of the predecessor are lost now, and the messages of clients wait.
    client.send('during');
    far.destroy();
  });
  await expect(handedOver).rejects.toThrow('the successor is gone');
  await expect(started).rejects.toThrow('the predecessor is gone');
  await speak(client, 'after');
  expect(notes).toEqual(['before', 'during', 'after']);
  expect(await api.getAllClientIdCount()).toBe(1);
  const newcomer = await cluster.connect();
  await speak(newcomer, 'new');
});

test('handover: a process that stops or already hands over refuses', async () => {
  const cluster = await roles({ events: {} });
  const first = await succeed(cluster);
  const second = await succeed(cluster);
  await expect(second.handedOver).rejects.toMatchObject({ code: 'GW_ERR_PHASE' });
  await first.handedOver;
  await first.started;
  await cluster.gateways[0]?.stop(graceful);
});

/** Where an exception is injected, how many clients of three it ends, and whether the pipe breaks first. */
const faults = [
  { point: 'client adoption', ends: 1, breaks: false },
  { point: 'connection sent', ends: 0, breaks: false },
  { point: 'withdrawal', ends: 0, breaks: false },
  { point: 'client moved later', ends: 0, breaks: false },
  { point: 'successor lost', ends: 0, breaks: true },
  { point: 'predecessor gone', ends: 0, breaks: true },
  { point: 'client of a lost predecessor', ends: 0, breaks: true },
] as const;

test.each(faults)(
  'handover: an exception at $point costs no other client',
  async ({ point, ends, breaks }) => {
    const { events, ids } = noting();
    const guard = new FaultyGuard();
    const cluster = await roles({ events, guard });
    const clients = [await cluster.connect(), await cluster.connect(), await cluster.connect()];
    for (const [index, client] of clients.entries()) await speak(client, `before ${index}`);
    // A client cannot move before its frame is complete.
    const stuck = await openRaw(cluster.gateways[0]?.port ?? 0);
    await eventually(() => ids.length === 4);
    const message = frame(Opcode.Text, 'after all');
    await stuck.send(message.subarray(0, 8));
    await turn();
    guard.arm(point);
    const { near, handedOver, started } = await succeed(cluster, {}, guard);
    await handedOver;
    const successor = await started;
    await eventually(() => cluster.gateways[0]?.status().tables['clients'] === 1);
    if (breaks) near.destroy();
    else await stuck.send(message.subarray(8));
    await cluster.gateways[0]?.stop(graceful);
    await eventually(() => guard.thrown === 1);
    await eventually(() => clients.filter(({ isOpen }) => !isOpen).length === ends);
    for (const client of clients) if (client.isOpen) await speak(client, 'after');
    const staying = 3 - ends + (breaks ? 0 : 1);
    await eventually(() => successor.status().tables['clients'] === staying);
  },
);
