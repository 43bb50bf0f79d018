import type { GatewayClient } from '@gatewayworker/gateway-client';
import { ByteWriter, beginFrame, Command, DialerRole, endFrame } from '@gatewayworker/protocol';
import { eventually } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { FakeCaller } from './fake-caller.ts';
import { succeed } from './in-process-successor.ts';
import { ResumableClient } from './resumable-client.ts';
import { roles } from './roles.ts';

const graceful = { isGraceful: true, timeoutMs: 10_000, drainMs: 0 };

/** Gateways and workers. A worker joins its clients to a group, and answers what they send. */
async function start(options: { gateways?: number; workers?: number } = {}) {
  const dropped: string[] = [];
  const apis: GatewayClient[] = [];
  const cluster = await roles({
    ...options,
    events: (workerId) => ({
      onWorkerStart: ({ gateway }) => {
        apis[workerId] = gateway;
      },
      onConnect: (id, ctx) => {
        apis[workerId]?.joinGroup(id, 'g');
        ctx.send(`hello from ${workerId}`);
      },
      onMessage: (_id, message, ctx) => void ctx.send(`${message} from ${workerId}`),
      onDrop: (id, ctx) => {
        ctx.send(`drop seen by ${workerId}`);
        dropped.push(id);
      },
      onResume: () => undefined,
    }),
  });
  const [first = 0, second = 0] = cluster.gateways.map(({ port }) => port);
  return { cluster, dropped, first, second };
}

async function openClient(port: number): Promise<ResumableClient> {
  const client = await ResumableClient.open(port);
  await eventually(() => client.texts.length === 1);
  return client;
}

/** Drops the connection of a client, and waits until its worker knows. */
async function drop(client: ResumableClient, dropped: string[]): Promise<void> {
  client.drop();
  await eventually(() => dropped.includes(client.welcome.clientId));
  dropped.length = 0;
}

/** Resumes, and waits until the replay of the worker of the client is complete. */
async function resume(port: number, before: ResumableClient): Promise<ResumableClient> {
  const client = await ResumableClient.resume(port, before);
  expect(client.welcome.isResumed).toBe(true);
  // The first answer may be a part of the replay.
  for (const question of ['a', 'b']) {
    client.send(question);
    await eventually(() => client.texts.some((text) => text.startsWith(`${question} from`)));
  }
  return client;
}

/** What a client has received, without the answers to `resume`, in which messages of several sources may mix. */
function outcomeOf({ texts, repeated, gaps }: ResumableClient) {
  return { texts: texts.filter((text) => !/^[ab] from/.test(text)).sort(), repeated, gaps };
}

test('lane transfer: a script ends while the client is away, and nothing is lost', async () => {
  const { cluster, dropped, first } = await start();
  const client = await openClient(first);
  const { clientId } = client.welcome;
  const script = await cluster.gatewayClient();
  script.sendToClient(clientId, '0');
  await eventually(() => client.texts.includes('0'));
  await drop(client, dropped);
  script.sendToClient(clientId, '1');
  script.sendToGroup('g', '2');
  script.sendToGroup('g', 'for others', { exclude: [clientId] });
  script.sendToAll(Buffer.from('3'));
  await script.close();
  const back = await resume(first, client);
  const texts = ['1', '2', '3', 'drop seen by 0'];
  expect(outcomeOf(back)).toEqual({ texts, repeated: 0, gaps: [] });
});

test('lane transfer: workers are replaced one after the other, and nothing is lost', async () => {
  const { cluster, dropped, first, second } = await start({ gateways: 2 });
  const client = await openClient(first);
  const script = await cluster.gatewayClient();
  await drop(client, dropped);
  script.sendToGroup('g', 'by the script');
  await script.close();
  for (const next of [1, 2, 3]) {
    await cluster.startWorker();
    await cluster.workers[next - 1]?.stop(graceful);
  }
  const back = await resume(second, client);
  const texts = ['by the script', 'drop seen by 0'];
  expect(outcomeOf(back)).toEqual({ texts, repeated: 0, gaps: [] });
  expect(back.texts).toContain('b from 3');
  // The client knows that it has everything of the sources that have ended.
  await drop(back, dropped);
  const again = await resume(first, back);
  expect(outcomeOf(again)).toEqual({ texts: ['drop seen by 3'], repeated: 0, gaps: [] });
});

/** Workers that send numbers to the group without a pause, until they stop. */
async function startSenders() {
  /** What each worker has sent. */
  const sent: string[][] = [];
  const apis: GatewayClient[] = [];
  const cluster = await roles({
    gateways: 2,
    events: (workerId) => {
      const own: string[] = [];
      let timer: NodeJS.Timeout | undefined;
      const stop = (): void => clearInterval(timer);
      onTestFinished(stop);
      return {
        onWorkerStart: ({ gateway }) => {
          apis[workerId] = gateway;
          sent[workerId] = own;
          timer = setInterval(() => {
            own.push(`${workerId}.${own.length}`);
            gateway.sendToGroup('g', own.at(-1) ?? '');
          }, 1);
        },
        onWorkerStop: stop,
        onConnect: (id, ctx) => {
          apis[workerId]?.joinGroup(id, 'g');
          ctx.send('hello');
        },
        onResume: () => undefined,
      };
    },
  });
  return { cluster, sent };
}

/** A client that loses its connection and resumes again and again. */
class RestlessClient {
  readonly texts: string[] = [];
  readonly gaps: unknown[] = [];
  resumes = 0;
  readonly #port: number;
  #client: ResumableClient;

  constructor(port: number, client: ResumableClient) {
    this.#port = port;
    this.#client = client;
  }

  async runUntil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      this.#client.drop();
      this.#take();
      this.#client = await ResumableClient.resume(this.#port, this.#client);
      expect(this.#client.welcome.isResumed).toBe(true);
      this.resumes += 1;
      await eventually(() => this.#client.texts.length > 0, { intervalMs: 1 });
    }
  }

  async waitFor(text: string): Promise<void> {
    await eventually(() => this.#client.texts.includes(text) || this.texts.includes(text));
    this.#take();
  }

  #take(): void {
    this.texts.push(...this.#client.texts.splice(0));
    this.gaps.push(...this.#client.gaps.splice(0));
  }
}

test('lane transfer: clients that resume while workers end get each message once', async () => {
  const { cluster, sent } = await startSenders();
  const clients: RestlessClient[] = [];
  for (const port of cluster.gateways.map((gateway) => gateway.port)) {
    for (let count = 0; count < 3; count++) {
      const client = await ResumableClient.open(port);
      await eventually(() => client.texts.length > 0);
      clients.push(new RestlessClient(port, client));
    }
  }
  let isOver = false;
  const runs = clients.map((client) => client.runUntil(() => isOver));
  for (const next of [1, 2, 3]) {
    await cluster.startWorker();
    await cluster.workers[next - 1]?.stop(graceful);
    const target = clients.map(({ resumes }) => resumes + 2);
    await eventually(() => clients.every(({ resumes }, index) => resumes >= (target[index] ?? 0)));
  }
  isOver = true;
  await Promise.all(runs);
  const last = sent[3]?.at(-1) ?? '';
  for (const client of clients) {
    await client.waitFor(last);
    expect(client.gaps).toEqual([]);
    for (const [workerId, all] of sent.entries()) {
      const received = client.texts.filter((text) => text.startsWith(`${workerId}.`));
      const [first = ''] = received;
      // The first worker has sent before the client joined the group, the last one sends still.
      const expected = all.slice(workerId === 0 ? all.indexOf(first) : 0);
      expect(received).toEqual(expected.slice(0, received.length));
      if (workerId < 3) expect(received.length).toBe(expected.length);
    }
  }
});

test('lane transfer: a lane that is larger than the buffers of the links arrives', async () => {
  const { cluster, dropped, first } = await start();
  const client = await openClient(first);
  const script = await cluster.gatewayClient({ sendToGatewayBufferSize: 100_000 });
  await drop(client, dropped);
  const expected = ['drop seen by 0'];
  for (let number = 0; number < 300; number++) {
    const text = `${String(number).padStart(3, '0')} ${'x'.repeat(50_000)}`;
    script.sendToClient(client.welcome.clientId, text);
    expected.push(text);
  }
  await script.close();
  const back = await resume(first, client);
  await eventually(() => back.texts.length === 303);
  const { texts, repeated, gaps } = outcomeOf(back);
  expect(texts).toEqual(expected.sort());
  expect({ repeated, gaps }).toEqual({ repeated: 0, gaps: [] });
});

test('lane transfer: without another process, the client gets a gap', async () => {
  const { cluster, dropped, first } = await start();
  const client = await openClient(first);
  await drop(client, dropped);
  await cluster.workers[0]?.stop(graceful);
  await cluster.startWorker();
  const back = await resume(first, client);
  expect(outcomeOf(back)).toMatchObject({
    texts: [],
    repeated: 0,
    gaps: [{ offset: 0, reason: 'source-ended' }],
  });
});

test('lane transfer: after a handover of the gateway, the adopted lane is known', async () => {
  const { cluster, dropped, first } = await start();
  const client = await openClient(first);
  const script = await cluster.gatewayClient();
  await drop(client, dropped);
  script.sendToGroup('g', 'by the script');
  await script.close();
  const { handedOver, started } = await succeed(cluster);
  await handedOver;
  const successor = await started;
  await cluster.gateways[0]?.stop({ isGraceful: true, timeoutMs: 5000, drainMs: 5000 });
  const back = await resume(successor.port, client);
  const texts = ['by the script', 'drop seen by 0'];
  expect(outcomeOf(back)).toEqual({ texts, repeated: 0, gaps: [] });
});

/** A gateway with a client and a worker, and another linked process. */
async function withFakeCaller(source: number, role: DialerRole) {
  const { cluster, dropped } = await start();
  const gateway = cluster.gateways[0];
  if (gateway === undefined) throw new Error('no gateway');
  const client = await openClient(gateway.port);
  const caller = await FakeCaller.open(gateway.innerPort, source, role);
  return { cluster, dropped, gateway, client, caller };
}

test('lane transfer: its receiver is killed, and the client gets a gap', async () => {
  const { cluster, dropped, gateway, client, caller } = await withFakeCaller(7, DialerRole.Worker);
  caller.onTransfer = () => caller.kill();
  // The worker gets the lane of the first script, so the caller has fewer lanes.
  await (await cluster.gatewayClient()).close();
  const script = await cluster.gatewayClient();
  await drop(client, dropped);
  script.sendToGroup('g', 'lost');
  await script.close();
  expect(caller.frames).toEqual(['transfer 0+1']);
  const back = await resume(gateway.port, client);
  await eventually(() => back.gaps.length === 2);
  expect(outcomeOf(back)).toMatchObject({
    texts: ['drop seen by 0'],
    repeated: 0,
    gaps: [{ reason: 'source-ended' }, { source: 7, reason: 'source-ended' }],
  });
});

test('lane transfer: the heir answers what the ended process has not answered', async () => {
  const { gateway, client, caller: heir, dropped } = await withFakeCaller(7, DialerRole.Client);
  const ending = await FakeCaller.open(gateway.innerPort, 8);
  ending.answersReplays = false;
  heir.adopt(8, 5);
  await eventually(() => ending.frames.includes('state of 8: 2'));
  await drop(client, dropped);
  const back = await resume(gateway.port, client);
  await eventually(() => ending.frames.includes('replay request'));
  expect(heir.frames).toEqual(['replay request']);
  await ending.close();
  await eventually(() => heir.frames.length === 2);
  expect(heir.frames).toEqual(['replay request', 'replay request']);
  expect(back.gaps).toEqual([]);
});

function malformed(command: Command, body: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  const start = beginFrame(writer, command);
  writer.writeBytes(body);
  endFrame(writer, start);
  return writer.buffer.subarray(0, writer.length);
}

test.each<[string, (caller: FakeCaller) => void]>([
  ['of the source 0', (caller) => caller.transfer({ source: 0 })],
  ['of another source', (caller) => caller.transfer({ source: 8 })],
  ['of an adopted source 0', (caller) => caller.adopt(0, 5)],
  ['that is truncated', (caller) => caller.write(malformed(Command.LaneTransfer, Buffer.alloc(9)))],
  [
    'with a hole',
    (caller) => {
      caller.transfer({ source: 7, isLast: false });
      caller.transfer({ source: 7, isFirst: false, offset: 1 });
    },
  ],
])('lane transfer: a frame %s ends the link', async (_what, send) => {
  const { caller } = await withFakeCaller(7, DialerRole.Client);
  send(caller);
  await eventually(() => caller.downs === 1);
});

test('lane transfer: malformed sends are declined, and every link stays', async () => {
  const { cluster, gateway, client, caller, dropped } = await withFakeCaller(7, DialerRole.Client);
  caller.transfer({ source: 7, count: 3 });
  await eventually(() => caller.frames.includes('state of 7: 0'));
  await drop(client, dropped);
  const back = await resume(gateway.port, client);
  expect(outcomeOf(back)).toEqual({ texts: ['drop seen by 0'], repeated: 0, gaps: [] });
  expect(caller.downs).toBe(0);
  expect(cluster.log.filter(({ msg }) => msg === 'inner link ended')).toEqual([]);
});
