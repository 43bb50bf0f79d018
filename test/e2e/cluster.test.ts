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
import { expect, onTestFinished, test } from 'vitest';

const file = fileURLToPath(new URL('./fixtures/dist/room/start.js', import.meta.url));
const secretKey = 'a key that no log line may show';

/** A client and what the cluster told it on connecting. */
interface Member {
  readonly name: string;
  readonly client: TestClient;
  readonly id: string;
  readonly gateway: string;
  readonly workerPid: number;
}

interface Room {
  readonly cluster: Cluster;
  readonly registerAddress: string;
  readonly gatewayPort: number;
  enter(name: string): Promise<Member>;
}

async function startRoom(): Promise<Room> {
  const [register = 0, gateway = 0, inner = 0] = await freePorts(4);
  const env = {
    REGISTER_PORT: String(register),
    GATEWAY_PORT: String(gateway),
    INNER_PORT: String(inner),
  };
  const cluster = await startCluster({ file, env });
  onTestFinished(() => cluster.dispose());
  const enter = async (name: string): Promise<Member> => {
    const client = await openClient(gateway, `/?name=${name}`);
    onTestFinished(() => client.terminate());
    const [, id = '', pid] = String(await client.next()).split(' ');
    return { name, client, id, gateway: id.slice(0, 5), workerPid: Number(pid) };
  };
  return { cluster, registerAddress: `127.0.0.1:${register}`, gatewayPort: gateway, enter };
}

/** The status with which a new client is refused; `undefined` when it is let in. */
async function refusal(port: number): Promise<number | undefined> {
  try {
    (await openClient(port)).terminate();
    return undefined;
  } catch (error) {
    return Number(/\d{3}$/.exec(String(error))?.[0]);
  }
}

/** Kills a process and resolves with the one that takes its place. */
async function killAndAwaitHeir(cluster: Cluster, victim: StatusProcess): Promise<StatusProcess> {
  process.kill(victim.pid, 'SIGKILL');
  return eventually(async () => {
    const heirs = (await cluster.status()).filter(
      ({ name, id, pid }) => name === victim.name && id === victim.id && pid !== victim.pid,
    );
    return heirs.find((heir) => heir['state'] === 'ready');
  });
}

async function processesOf(cluster: Cluster, role: string): Promise<StatusProcess[]> {
  return (await cluster.status()).filter((row) => row.role === role);
}

/** Says something and resolves once every member has heard it. */
async function say(speaker: Member, listeners: readonly Member[], text: string): Promise<void> {
  speaker.client.send(text);
  await Promise.all(
    listeners.map(({ client }) =>
      eventually(() => client.messages.some((message) => String(message).endsWith(`: ${text}`))),
    ),
  );
}

/** Lets clients in until both gateways have one: the kernel chooses the process that accepts. */
async function enterEveryGateway(
  enter: (id: string) => Promise<Member>,
  prefix: string,
): Promise<Member[]> {
  const members: Member[] = [];
  while (new Set(members.map(({ gateway }) => gateway)).size < 2) {
    if (members.length === 100) throw new Error('100 clients are all on one gateway');
    members.push(await enter(`${prefix}${members.length}`));
  }
  return members;
}

test('cluster: clients of all gateway processes and workers reach each other', async () => {
  const { cluster, enter } = await startRoom();
  const members: Member[] = [];
  const gateways = new Set<string>();
  const workers = new Set<number>();
  // The kernel chooses the process that accepts, evenly in large numbers only.
  for (let index = 0; index < 8 || gateways.size < 2 || workers.size < 2; index += 1) {
    if (index === 100) throw new Error(`${gateways.size} gateways, ${workers.size} workers`);
    const member = await enter(`m${index}`);
    members.push(member);
    gateways.add(member.gateway);
    workers.add(member.workerPid);
  }
  for (const speaker of members) await say(speaker, members, `from ${speaker.id}`);
  expect(await cluster.stop()).toBe(0);
  expect((await members[0]?.client.ended)?.code).toBe(1001);
});

test('kill -9 of a worker: its clients stay, get another worker, and keep their sessions', async () => {
  const { cluster, enter } = await startRoom();
  const members = [await enter('a'), await enter('b'), await enter('c'), await enter('d')];
  const victim = (await processesOf(cluster, 'business-worker'))[0];
  if (victim === undefined) throw new Error('there is no worker');
  await killAndAwaitHeir(cluster, victim);
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

test('kill -9 of every worker: clients stay, and what they say meanwhile is heard', async () => {
  const { cluster, enter, gatewayPort } = await startRoom();
  const members = [await enter('a'), await enter('b')];
  for (const { pid } of await processesOf(cluster, 'business-worker')) process.kill(pid, 'SIGKILL');
  // From here on the gateways know that no worker is there.
  await eventually(() => refusal(gatewayPort).then((status) => status === 503));
  for (const [index, { client }] of members.entries()) client.send(`held ${index}`);
  await Promise.all(
    members.map(({ client }) =>
      eventually(() => ['a: held 0', 'b: held 1'].every((text) => client.messages.includes(text))),
    ),
  );
  expect(members.every(({ client }) => client.isOpen)).toBe(true);
});

test('kill -9 of a gateway: its clients end once, the other clients stay', async () => {
  const { cluster, registerAddress, enter } = await startRoom();
  const api = await GatewayClient.connect({ registerAddress, secretKey });
  onTestFinished(() => api.close());
  const members = await enterEveryGateway(enter, 'm');
  const [victim] = await processesOf(cluster, 'gateway');
  if (victim === undefined) throw new Error('there is no gateway');
  const killedAt = performance.now();
  const heard = eventually(() =>
    members.some(({ client }) => client.messages.some((text) => /gateway-lost/.test(String(text)))),
  ).then(() => Math.round(performance.now() - killedAt));
  await killAndAwaitHeir(cluster, victim);
  process.stdout.write(`the first onClose came ${await heard} ms after the gateway was killed\n`);
  const gone = members.filter(({ client }) => !client.isOpen);
  const survivors = members.filter(({ client }) => client.isOpen);
  expect(new Set(gone.map(({ gateway }) => gateway)).size).toBe(1);
  expect(new Set(survivors.map(({ gateway }) => gateway)).size).toBe(1);
  const names = gone.map(({ name }) => name);
  for (const { client } of survivors) {
    await eventually(() =>
      names.every((name) => client.messages.includes(`left ${name} gateway-lost`)),
    );
  }
  const newcomers = await enterEveryGateway(enter, 'n');
  for (const speaker of newcomers)
    await say(speaker, [...survivors, ...newcomers], `new ${speaker.id}`);
  const count = survivors.length + newcomers.length;
  await eventually(async () => (await api.getAllClientIdCount()) === count);
  const [witness] = survivors;
  const ends = witness?.client.messages.filter((text) => String(text).startsWith('left'));
  expect(ends?.sort()).toEqual(names.map((name) => `left ${name} gateway-lost`).sort());
});

test('kill -9 of the register: nobody notices, and what starts afterwards joins', async () => {
  const { cluster, registerAddress, enter } = await startRoom();
  const members = [await enter('a'), await enter('b')];
  const [register] = await processesOf(cluster, 'register');
  if (register === undefined) throw new Error('there is no register');
  await killAndAwaitHeir(cluster, register);
  const [first] = members;
  if (first !== undefined) await say(first, members, 'without a register');
  const api = await eventually(() => GatewayClient.connect({ registerAddress, secretKey }));
  onTestFinished(() => api.close());
  await eventually(async () => (await api.getAllClientIdCount()) === 2);
  const [worker] = await processesOf(cluster, 'business-worker');
  if (worker !== undefined) await killAndAwaitHeir(cluster, worker);
  for (const speaker of members) await say(speaker, members, `again ${speaker.id}`);
  expect(members.every(({ client }) => client.isOpen)).toBe(true);
});

test('kill -9 of the register and a worker at once: what is said before that is clear is heard', async () => {
  const { cluster, enter } = await startRoom();
  const members = [await enter('a'), await enter('b'), await enter('c'), await enter('d')];
  const [register] = await processesOf(cluster, 'register');
  const [worker] = await processesOf(cluster, 'business-worker');
  if (register === undefined || worker === undefined) throw new Error('there is no such process');
  const log = file.replace(/\.js$/, '.log');
  const breaks = async () => (await readFile(log, 'utf8')).split('waiting for the worker').length;
  const before = await breaks();
  // Without the register nobody can tell the gateways that the worker will not come back.
  process.kill(register.pid, 'SIGKILL');
  process.kill(worker.pid, 'SIGKILL');
  await eventually(async () => (await breaks()) === before + 2);
  for (const speaker of members) await say(speaker, members, `at once ${speaker.id}`);
  expect(members.every(({ client }) => client.isOpen)).toBe(true);
});

test('the secret key is in no output, log or status', async () => {
  const { cluster, enter } = await startRoom();
  await enter('a');
  const log = await readFile(file.replace(/\.js$/, '.log'), 'utf8');
  expect(log).toContain('"role":"gateway"');
  expect(cluster.output() + log + JSON.stringify(await cluster.status())).not.toContain(secretKey);
});
