import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  type Cluster,
  eventually,
  freePorts,
  openClient,
  type StatusProcess,
  startCluster,
  type TestClient,
} from '@gatewayworker/testing';
import { GatewayClient } from 'gatewayworker';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { atEndOfFile } from './shared.ts';

const file = fileURLToPath(new URL('./fixtures/dist/room/start.js', import.meta.url));
const secretKey = 'a key that no log line may show';

/** A client, with its id and worker from the greeting. */
interface Member {
  readonly name: string;
  readonly client: TestClient;
  readonly id: string;
  readonly gateway: string;
  readonly workerPid: number;
}

const atEnd = atEndOfFile();
let cluster: Cluster;
let registerAddress: string;
let port: number;

// A process that was killed is replaced, so that each test finds the whole cluster.
beforeAll(async () => {
  const [register = 0, gateway = 0, inner = 0] = await freePorts(4);
  [registerAddress, port] = [`127.0.0.1:${register}`, gateway];
  const env = {
    REGISTER_PORT: String(register),
    GATEWAY_PORT: String(gateway),
    INNER_PORT: String(inner),
  };
  cluster = await startCluster({ file, env });
  atEnd(cluster.dispose);
});

async function enter(name: string): Promise<Member> {
  const client = await openClient(port, `/?name=${name}`);
  onTestFinished(() => client.terminate());
  const [, id = '', pid] = String(await client.next()).split(' ');
  return { name, client, id, gateway: id.slice(0, 5), workerPid: Number(pid) };
}

/** The status with which a new client is refused; `undefined` when it is admitted. */
async function refusal(): Promise<number | undefined> {
  try {
    (await openClient(port)).terminate();
    return undefined;
  } catch (error) {
    return Number(/\d{3}$/.exec(String(error))?.[0]);
  }
}

/** Kills a process; resolves with the next one in its place, once it is ready. */
async function killAndAwaitSuccessor(victim: StatusProcess): Promise<StatusProcess> {
  process.kill(victim.pid, 'SIGKILL');
  return eventually(async () => {
    const successors = (await cluster.status()).filter(
      ({ name, id, pid }) => name === victim.name && id === victim.id && pid !== victim.pid,
    );
    return successors.find((successor) => successor['state'] === 'ready');
  });
}

async function processesOf(role: string): Promise<StatusProcess[]> {
  return (await cluster.status()).filter((row) => row.role === role);
}

/** Sends a text to the room; resolves once every member has it. */
async function say(speaker: Member, listeners: readonly Member[], text: string): Promise<void> {
  speaker.client.send(text);
  await Promise.all(
    listeners.map(({ client }) =>
      eventually(() => client.messages.some((message) => String(message).endsWith(`: ${text}`))),
    ),
  );
}

/** Asks until a worker answers: a worker that does not run leaves a question unanswered. Answers its pid. */
async function askWorker({ name, client }: Member): Promise<number> {
  const answer = await eventually(() => {
    client.send('whoami');
    return client.messages.find((message) => String(message).startsWith(`${name} `));
  });
  client.messages.length = 0;
  return Number(String(answer).split(' ')[1]);
}

/** Opens clients until both gateways have one: the kernel chooses the process that accepts. */
async function enterBothGateways(prefix: string): Promise<Member[]> {
  const members: Member[] = [];
  while (new Set(members.map(({ gateway }) => gateway)).size < 2) {
    if (members.length === 100) throw new Error('100 clients are all on one gateway');
    members.push(await enter(`${prefix}${members.length}`));
  }
  return members;
}

test('cluster: clients of all gateway processes and workers reach each other', async () => {
  const members: Member[] = [];
  const gateways = new Set<string>();
  const workers = new Set<number>();
  for (let index = 0; index < 8 || gateways.size < 2 || workers.size < 2; index += 1) {
    if (index === 100) throw new Error(`${gateways.size} gateways, ${workers.size} workers`);
    const member = await enter(`m${index}`);
    members.push(member);
    gateways.add(member.gateway);
    workers.add(member.workerPid);
  }
  for (const speaker of members) await say(speaker, members, `from ${speaker.id}`);
  // A worker has one more client of a gateway than the other at most.
  for (const gateway of gateways) {
    const own = members.filter((one) => one.gateway === gateway);
    const counts = [...workers].map((pid) => own.filter((one) => one.workerPid === pid).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  }
});

test('kill -9 of a worker: its clients get another one and keep their sessions', async () => {
  const members = [await enter('a'), await enter('b'), await enter('c'), await enter('d')];
  const victim = (await processesOf('business-worker'))[0];
  if (victim === undefined) throw new Error('there is no worker');
  await killAndAwaitSuccessor(victim);
  for (const speaker of members) await say(speaker, members, `still ${speaker.id}`);
  for (const { client } of members) {
    client.messages.length = 0;
    client.send('whoami');
  }
  const answers = await Promise.all(members.map(({ client }) => client.next()));
  expect(answers.map((answer) => String(answer).split(' ')[0])).toEqual(['a', 'b', 'c', 'd']);
  expect(answers.some((answer) => String(answer).endsWith(` ${victim.pid}`))).toBe(false);
  expect(members.every(({ client }) => client.isOpen)).toBe(true);
});

test('frozen worker: expires within two heartbeats, links again after SIGCONT', async () => {
  const members = [await enter('a'), await enter('b'), await enter('c'), await enter('d')];
  const [frozen, other] = await processesOf('business-worker');
  if (frozen === undefined || other === undefined) throw new Error('there are no two workers');
  const linked = async (): Promise<unknown[]> =>
    (await processesOf('gateway')).map(({ tables }) => Reflect.get(Object(tables), 'workers'));
  process.kill(frozen.pid, 'SIGSTOP');
  try {
    // Two intervals of 10 s, and time for a busy machine.
    await eventually(async () => (await linked()).every((workers) => workers === 1), {
      timeoutMs: 30_000,
      intervalMs: 250,
    });
    for (const member of members) expect(await askWorker(member)).toBe(other.pid);
  } finally {
    process.kill(frozen.pid, 'SIGCONT');
  }
  await eventually(async () => (await linked()).every((workers) => workers === 2));
  for (const member of members) {
    // Idle clients may have moved back.
    expect([frozen.pid, other.pid]).toContain(await askWorker(member));
    expect(member.client.isOpen).toBe(true);
  }
});

test('kill -9 of every worker: clients stay, held messages arrive, new ones get 503', async () => {
  const members = [await enter('a'), await enter('b')];
  for (const { pid } of await processesOf('business-worker')) process.kill(pid, 'SIGKILL');
  // From now on the gateway has no worker.
  await eventually(() => refusal().then((status) => status === 503));
  for (const [index, { client }] of members.entries()) client.send(`held ${index}`);
  await Promise.all(
    members.map(({ client }) =>
      eventually(() => ['a: held 0', 'b: held 1'].every((text) => client.messages.includes(text))),
    ),
  );
  expect(members.every(({ client }) => client.isOpen)).toBe(true);
});

test('kill -9 of a gateway: its clients end once, others stay, ids are not reused', async () => {
  const api = await GatewayClient.connect({ registerAddress, secretKey });
  onTestFinished(() => api.close());
  const members = await enterBothGateways('k');
  const [victim] = await processesOf('gateway');
  if (victim === undefined) throw new Error('there is no gateway');
  await killAndAwaitSuccessor(victim);
  const gone = members.filter(({ client }) => !client.isOpen);
  const survivors = members.filter(({ client }) => client.isOpen);
  expect(new Set(gone.map(({ gateway }) => gateway)).size).toBe(1);
  expect(new Set(survivors.map(({ gateway }) => gateway)).size).toBe(1);
  const expected = gone.map(({ name }) => `left ${name} ${name} gateway-lost`).sort();
  for (const { client } of survivors) {
    await eventually(() => expected.every((text) => client.messages.includes(text)));
  }
  const newcomers = await enterBothGateways('n');
  for (const speaker of newcomers)
    await say(speaker, [...survivors, ...newcomers], `new ${speaker.id}`);
  const count = survivors.length + newcomers.length;
  await eventually(async () => (await api.getAllClientIdCount()) === count);
  const [witness] = survivors;
  const ends = witness?.client.messages.filter((text) => String(text).startsWith('left k'));
  expect(ends?.sort()).toEqual(expected);
  expect(newcomers.some(({ gateway }) => gateway === gone[0]?.gateway)).toBe(false);
  for (const { id } of gone) {
    api.sendToClient(id, 'too late');
    expect(await api.isOnline(id)).toBe(false);
  }
  // Each gateway receives this message after those to the lost clients.
  api.sendToAll('fence');
  for (const { client } of [...survivors, ...newcomers]) {
    await eventually(() => client.messages.includes('fence'));
    expect(client.messages).not.toContain('too late');
  }
});

test('kill -9 of the register: clients stay, processes started later join', async () => {
  const members = [await enter('a'), await enter('b')];
  const [register] = await processesOf('register');
  if (register === undefined) throw new Error('there is no register');
  await killAndAwaitSuccessor(register);
  const [first] = members;
  if (first !== undefined) await say(first, members, 'without a register');
  const api = await eventually(() => GatewayClient.connect({ registerAddress, secretKey }));
  onTestFinished(() => api.close());
  await eventually(async () => (await api.getAllClientIdCount()) === 2);
  const [worker] = await processesOf('business-worker');
  if (worker !== undefined) await killAndAwaitSuccessor(worker);
  for (const speaker of members) await say(speaker, members, `again ${speaker.id}`);
  expect(members.every(({ client }) => client.isOpen)).toBe(true);
});

test('kill -9 of the register and a worker at once: no message is lost', async () => {
  const members = [await enter('a'), await enter('b'), await enter('c'), await enter('d')];
  const [register] = await processesOf('register');
  const [worker] = await processesOf('business-worker');
  if (register === undefined || worker === undefined) throw new Error('there is no such process');
  const log = file.replace(/\.js$/, '.log');
  const breaks = async () => (await readFile(log, 'utf8')).split('inner link suspended').length;
  const before = await breaks();
  // Without the register no process tells the gateways that the worker is gone.
  process.kill(register.pid, 'SIGKILL');
  process.kill(worker.pid, 'SIGKILL');
  await eventually(async () => (await breaks()) === before + 2);
  for (const speaker of members) await say(speaker, members, `at once ${speaker.id}`);
  expect(members.every(({ client }) => client.isOpen)).toBe(true);
});

test('stop: clients are closed with 1001; the secret key is in no output or log', async () => {
  const { client } = await enter('last');
  const status = JSON.stringify(await cluster.status());
  expect(await cluster.stop()).toBe(0);
  expect((await client.ended).code).toBe(1001);
  const log = await readFile(file.replace(/\.js$/, '.log'), 'utf8');
  expect(log).toContain('"role":"gateway"');
  expect(cluster.output() + log + status).not.toContain(secretKey);
});
