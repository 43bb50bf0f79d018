import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { isAlive } from './processes.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

/**
 * Tells why this process cannot make network namespaces.
 *
 * @returns `undefined` where it can
 */
export function whyNoNetworkNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = uniqueName();
  try {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
    ip('-n', name, 'link', 'add', 'bridge', 'type', 'bridge');
    return undefined;
  } catch (error) {
    const [why = ''] = String(Reflect.get(Object(error), 'stderr') ?? error).split('\n');
    return `network namespaces are not to be had here (${why})`;
  } finally {
    removeNamespace(name);
  }
}

/** Hosts on one network, in network namespaces of their own, and a bridge in one more that joins them. */
export class Network {
  readonly #hosts = new Map<string, NetworkHost>();
  readonly #prefix = uniqueName();
  readonly #folder: TemporaryFolder;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  /**
   * Makes hosts, each of which resolves the names of all. Nothing of them is in the namespace of this
   * process.
   *
   * @param names - such as `alpha`; at most 200
   */
  static async start(names: readonly string[]): Promise<Network> {
    const network = new Network(await temporaryFolder('network'));
    try {
      network.#addBridge();
      for (const name of names) network.#addHost(name);
      network.#writeHostFiles();
      await Promise.all(Array.from(network.#hosts.values(), (host) => host.startRelay()));
      return network;
    } catch (error) {
      await network.dispose();
      throw error;
    }
  }

  /** The host of that name. */
  host(name: string): NetworkHost {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`there is no host ${name}`);
    return host;
  }

  /** Kills every process on the hosts and removes all that was made; for `onTestFinished`. */
  async dispose(): Promise<void> {
    // In a loop, because a process may start another one before it is killed itself.
    await eventually(() => [...this.#hosts.values()].every((host) => host.killAll() === 0));
    for (const { namespace } of this.#hosts.values()) {
      removeNamespace(namespace);
      rmSync(join('/etc/netns', namespace), { recursive: true, force: true });
    }
    removeNamespace(this.#bridgeNamespace);
    await this.#folder.dispose();
  }

  get #bridgeNamespace(): string {
    return `${this.#prefix}-bridge`;
  }

  #addBridge(): void {
    const bridge = this.#bridgeNamespace;
    ip('netns', 'add', bridge);
    // Without snooping, neighbours of IPv6 find each other at once.
    const quick = ['forward_delay', '0', 'stp_state', '0', 'mcast_snooping', '0'];
    ip('-n', bridge, 'link', 'add', 'bridge', 'type', 'bridge', ...quick);
    ip('-n', bridge, 'link', 'set', 'bridge', 'up');
  }

  #addHost(name: string): void {
    const number = this.#hosts.size + 1;
    const host = new NetworkHost({
      name,
      number,
      namespace: `${this.#prefix}-${name}`,
      bridgeNamespace: this.#bridgeNamespace,
      socketPath: join(this.#folder.path, `${number}.sock`),
    });
    this.#hosts.set(name, host);
    host.create();
  }

  #writeHostFiles(): void {
    const all = [...this.#hosts.values()];
    const lines = all.flatMap(({ name, ipv4, ipv6 }) => [`${ipv4} ${name}`, `${ipv6} ${name}-6`]);
    const text = ['127.0.0.1 localhost', '::1 localhost', ...lines, ''].join('\n');
    for (const { namespace } of all) {
      // `ip netns exec` puts the files of this folder in the place of those of /etc.
      mkdirSync(join('/etc/netns', namespace), { recursive: true });
      writeFileSync(join('/etc/netns', namespace, 'hosts'), text);
    }
  }
}

interface HostOptions {
  readonly name: string;
  /** From 1 on. */
  readonly number: number;
  readonly namespace: string;
  readonly bridgeNamespace: string;
  /** Where its relay listens. */
  readonly socketPath: string;
}

/** A network namespace that stands for a machine. */
export class NetworkHost {
  /** What the others resolve to its IPv4 address; with `-6` behind it, to its IPv6 address. */
  readonly name: string;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly namespace: string;
  readonly #options: HostOptions;

  constructor(options: HostOptions) {
    this.name = options.name;
    this.namespace = options.namespace;
    this.ipv4 = `10.77.0.${options.number}`;
    this.ipv6 = `fd77::${options.number}`;
    this.#options = options;
  }

  /** Makes the namespace and its cable; called once, by the network. */
  create(): void {
    const { namespace } = this;
    const bridge = this.#options.bridgeNamespace;
    ip('netns', 'add', namespace);
    const port = this.#port;
    const peer = ['peer', 'name', 'eth0', 'netns', namespace];
    ip('-n', bridge, 'link', 'add', port, 'type', 'veth', ...peer);
    ip('-n', bridge, 'link', 'set', port, 'master', 'bridge', 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    ip('-n', namespace, 'addr', 'add', `${this.ipv4}/24`, 'dev', 'eth0');
    ip('-n', namespace, 'addr', 'add', `${this.ipv6}/64`, 'dev', 'eth0', 'nodad');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  }

  /** A command line that runs a program on this host; its pid is that of the program. */
  commandLine(program: string, args: readonly string[] = []): [string, string[]] {
    return ['ip', ['netns', 'exec', this.namespace, program, ...args]];
  }

  /** Starts a program on this host. */
  spawn(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [file, line] = this.commandLine(program, args);
    return spawn(file, line, options);
  }

  /** Runs a program on this host to its end and returns what it printed. */
  run(program: string, ...args: string[]): string {
    const [file, line] = this.commandLine(program, args);
    return execFileSync(file, line, { encoding: 'utf8', stdio: 'pipe' });
  }

  /** Starts what `connect` goes through; called once, by the network. */
  async startRelay(): Promise<void> {
    const { socketPath } = this.#options;
    this.spawn(process.execPath, ['-e', relaySource, socketPath], { stdio: 'ignore' }).unref();
    const isUp = async (): Promise<boolean> => {
      const probe = connect(socketPath);
      return await new Promise<boolean>((resolve) => {
        probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
      }).finally(() => probe.destroy());
    };
    // One process of Node.js per host starts now, all at once.
    await eventually(isUp, { timeoutMs: 40_000 });
  }

  /**
   * Connects from this host to any address, for a test that runs on none. The socket takes bytes at once
   * and ends when the connection does, or is refused. As `createConnection` of a websocket or of an HTTP
   * request it makes these start here.
   */
  connect(port: number, address: string): Socket {
    const socket = connect(this.#options.socketPath);
    socket.write(`${JSON.stringify({ port, host: address })}\n`);
    return socket;
  }

  /** Kills everything that runs on this host, and answers how many processes that were. */
  killAll(): number {
    const pids = pidsIn(this.namespace).filter(isAlive);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    return pids.length;
  }

  /**
   * Pulls the cable out, at the end that is not this host's: from now on no packet leaves or comes, no
   * FIN and no RST of processes that end either, and nobody is told.
   */
  pullCable(): void {
    ip('-n', this.#options.bridgeNamespace, 'link', 'set', this.#port, 'down');
  }

  /** Plugs the cable in again. */
  plugCable(): void {
    ip('-n', this.#options.bridgeNamespace, 'link', 'set', this.#port, 'up');
  }

  get #port(): string {
    return `port${this.#options.number}`;
  }
}

/**
 * Runs on a host and joins connections by its socket, whose first line says where to, with ones that start
 * on that host. Sockets with a path know no network namespaces, so anybody can use it.
 */
const relaySource = `
const { connect, createServer } = require('node:net');
createServer({ allowHalfOpen: true }, (near) => {
  let head = Buffer.alloc(0);
  const read = (chunk) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(10);
    if (end < 0) return;
    near.off('data', read).pause();
    const far = connect({ ...JSON.parse(head.subarray(0, end)), allowHalfOpen: true });
    far.write(head.subarray(end + 1));
    near.pipe(far).pipe(near);
    far.on('error', () => near.destroy()).on('close', () => near.end());
    near.on('close', () => far.destroy());
  };
  near.on('data', read).on('error', () => near.destroy());
}).listen(process.argv[1]);
`;

/** Different in every run and for every call: several test processes may run at once. */
function uniqueName(): string {
  return `gwt-${process.pid}-${randomBytes(3).toString('hex')}`;
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' });
}

function pidsIn(namespace: string): number[] {
  try {
    return ip('netns', 'pids', namespace).split('\n').filter(Boolean).map(Number);
  } catch {
    // It was never made.
    return [];
  }
}

/** Removes a namespace, with the cables that end in it; it may not be there. */
function removeNamespace(name: string): void {
  try {
    ip('netns', 'delete', name);
  } catch {
    // It was never made.
  }
}
