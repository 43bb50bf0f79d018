import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  type Cluster,
  eventually,
  type NetworkHost,
  openClient,
  startCluster,
  type TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished } from 'vitest';
import type { AtEnd } from './shared.ts';

const secretKey = 'a key of three hosts';

const startFile = fileURLToPath(new URL('./fixtures/dist/three-hosts/start.js', import.meta.url));
const roleFile = fileURLToPath(new URL('./fixtures/dist/three-hosts/role.js', import.meta.url));

/** Kinds of addresses by which hosts reach each other. */
export type Means = 'IPv4' | 'IPv6' | 'host names';

/** The address by which others reach a host. */
export function addressOf(host: NetworkHost, means: Means): string {
  return { IPv4: host.ipv4, IPv6: host.ipv6, 'host names': host.name }[means];
}

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** Options of each role, as the fixture's start file has them, for a way of calling. */
export function optionsOf(role: string, host: NetworkHost, means: Means, registers: NetworkHost[]) {
  const any = means === 'IPv4' ? '0.0.0.0' : '[::]';
  const registerAddress = registers.map((other) => `${inUrl(addressOf(other, means))}:1236`);
  if (role === 'register') return { listen: `${any}:1236`, secretKey };
  if (role === 'worker') {
    return { name: 'brain', eventHandler: '/given/by/the/process', registerAddress, secretKey };
  }
  return {
    name: 'gate',
    listen: `websocket://${any}:8282`,
    lanIp: addressOf(host, means),
    // By IPv4 the address that is bound is the one that others dial.
    innerListen: means === 'IPv4' ? '' : '::',
    startPort: 2900,
    registerAddress,
    secretKey,
  };
}

/** A process with one role on a host, which can be started and stopped often. */
export class RoleProcess {
  readonly #child: ChildProcess;
  readonly #role: string;
  /** Lines that it has printed and no call has consumed. */
  readonly #said: string[] = [];

  private constructor(child: ChildProcess, role: string) {
    this.#child = child;
    this.#role = role;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#said.push(...text.split('\n').filter(Boolean));
    });
  }

  /** Starts the process, whose role waits. */
  static async load(host: NetworkHost, role: string): Promise<RoleProcess> {
    const child = host.spawn(process.execPath, [roleFile], { stdio: ['pipe', 'pipe', 'inherit'] });
    const loaded = new RoleProcess(child, role);
    await loaded.#hear('loaded');
    return loaded;
  }

  /** Starts the role; resolves once it has begun to. */
  async start(options: object): Promise<void> {
    this.#order({ command: 'start', role: this.#role, options });
    await this.#hear('starting');
  }

  /** Resolves once the role is ready. */
  async ready(): Promise<void> {
    await this.#hear('ready');
  }

  /** Stops the role. */
  async stop(): Promise<void> {
    this.#order({ command: 'stop' });
    await this.#hear('stopped');
  }

  /** Kills the process. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  get pid(): number {
    return this.#child.pid ?? Number.NaN;
  }

  #order(order: object): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  async #hear(expected: string): Promise<void> {
    await eventually(() => this.#said.length > 0, { timeoutMs: 30_000, intervalMs: 5 });
    expect(this.#said.shift()).toBe(expected);
  }
}

/** A start file on a host, as users run it; it ends as `atEnd` says. */
export async function startOnHost(
  host: NetworkHost,
  roles: string,
  env: Readonly<Record<string, string>>,
  atEnd: AtEnd,
): Promise<Cluster> {
  const folder = await temporaryFolder(`on-${host.name}`);
  atEnd(folder.dispose);
  const cluster = await startCluster({
    file: startFile,
    host,
    pidFile: `${folder.path}/run.pid`,
    env: { ROLES: roles, RUN_FILES: `${folder.path}/run`, ...env },
    readyTimeoutMs: 90_000,
  });
  atEnd(cluster.dispose);
  return cluster;
}

/** A client, and the worker that welcomed it. */
type Member = TestClient & { readonly workerPid: number };

/** Opens a client on one host to the gateway of another, or of its own; its name is its uid. */
export async function enter(from: NetworkHost, address: string, name: string): Promise<Member> {
  const client = await openClient(8282, `/?name=${name}`, {
    createConnection: () => from.connect(8282, address),
  });
  onTestFinished(() => client.terminate());
  // A message to all, such as that another client has left, may come first.
  let first = String(await client.next());
  while (!first.startsWith('welcome ')) first = String(await client.next());
  const workerPid = Number(first.split(' ')[1]);
  return Object.assign(client, { workerPid });
}

/** Resolves with the process id of the worker that a client has now. */
export async function workerOf(client: TestClient): Promise<number> {
  client.send('worker');
  const answer = await eventually(() =>
    client.messages.map(String).findLast((text) => text.startsWith('worker ')),
  );
  return Number(answer.split(' ')[1]);
}

/** Waits until a client has received a message. */
async function heard(
  client: TestClient,
  what: string | RegExp,
  timeoutMs = 10_000,
): Promise<number> {
  const from = performance.now();
  await eventually(() => client.messages.some((text) => String(text).match(what) !== null), {
    timeoutMs,
    intervalMs: 5,
  });
  return performance.now() - from;
}

/** Asks until a worker answers. */
export async function answered(client: TestClient): Promise<void> {
  await eventually(() => {
    client.send('are you there');
    return client.messages.includes('echo are you there');
  });
}

let topics = 0;

/** Sends a message of each kind from one client; resolves when every recipient has it. */
export async function talk(speaker: TestClient, all: Readonly<Record<string, TestClient>>) {
  topics += 1;
  const topic = `topic-${topics}`;
  speaker.send(`group ${topic}`);
  speaker.send(`all ${topic}`);
  for (const name of Object.keys(all)) speaker.send(`uid ${name} ${topic}`);
  for (const client of Object.values(all)) {
    await heard(client, new RegExp(`^group ${topic}$`));
    await heard(client, new RegExp(`^all ${topic}$`));
    await heard(client, new RegExp(`^uid ${topic}$`));
    const count = client.messages.filter((text) => String(text).endsWith(topic)).length;
    expect(count).toBe(3);
  }
}
