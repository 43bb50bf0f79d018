import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { isAlive } from './processes.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

/**
 * Describes why this process cannot create network namespaces.
 *
 * @returns `undefined` if it can
 */
export function describeMissingNetworkNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = uniqueName();
  try {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
    ip('-n', name, 'link', 'add', 'bridge', 'type', 'bridge');
    return undefined;
  } catch (error) {
    const [reason = ''] = String(Reflect.get(Object(error), 'stderr') ?? error).split('\n');
    return `network namespaces cannot be created here (${reason})`;
  } finally {
    removeNamespace(name);
  }
}

/** Hosts on one network: each has its own network namespace, and a bridge in another one connects them. */
export class Network {
  readonly #hosts = new Map<string, NetworkHost>();
  readonly #prefix = uniqueName();
  readonly #folder: TemporaryFolder;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  /**
   * Creates hosts, each of which resolves the names of all. The namespace of this process stays unchanged.
   *
   * @param names - host names, such as `alpha`; at most 200
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

  /** Returns the host with a name. */
  host(name: string): NetworkHost {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`there is no host ${name}`);
    return host;
  }

  /** Kills every process on the hosts and removes the network; for `onTestFinished`. */
  async dispose(): Promise<void> {
    await Promise.all(Array.from(this.#hosts.values(), (host) => host.killAll()));
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
    // Without multicast snooping, IPv6 neighbour discovery works at once.
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
      // `ip netns exec` mounts the files of this folder over those of /etc.
      mkdirSync(join('/etc/netns', namespace), { recursive: true });
      writeFileSync(join('/etc/netns', namespace, 'hosts'), text);
    }
  }
}

interface HostOptions {
  readonly name: string;
  /** Number of the host, from 1. */
  readonly number: number;
  readonly namespace: string;
  readonly bridgeNamespace: string;
  /** Socket on which its relay listens. */
  readonly socketPath: string;
}

/** A simulated machine: a network namespace. */
export class NetworkHost {
  /** Host name that resolves to its IPv4 address; with the suffix `-6`, to its IPv6 address. */
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

  /** Creates the namespace and its cable; called once, by the network. */
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

  /** Returns a command line that runs a program on this host; the process has the pid of the program. */
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

  /** Starts the relay for `connect`; called once, by the network. */
  async startRelay(): Promise<void> {
    const { socketPath } = this.#options;
    this.spawn(process.execPath, ['-e', relaySource, socketPath], { stdio: 'ignore' }).unref();
    const isUp = async (): Promise<boolean> => {
      const probe = connect(socketPath);
      return await new Promise<boolean>((resolve) => {
        probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
      }).finally(() => probe.destroy());
    };
    // One Node.js process per host starts at the same time.
    await eventually(isUp, { timeoutMs: 40_000 });
  }

  /**
   * Connects from this host to any address, for a test that runs outside of the hosts. The socket accepts bytes at once,
   * and ends when the connection ends or is refused. As `createConnection`, it makes a websocket or an HTTP request
   * start on this host.
   */
  connect(port: number, address: string): Socket {
    const socket = connect(this.#options.socketPath);
    socket.write(`${JSON.stringify({ port, host: address })}\n`);
    return socket;
  }

  /** Kills every process on this host, and resolves once none is left and its ports are closed. */
  async killAll(): Promise<void> {
    // Repeat, because a process may start another one before it is killed.
    await eventually(() => {
      const pids = pidsIn(this.namespace).filter(isAlive);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      return pids.length === 0;
    });
  }

  /**
   * Pulls the cable at the side of the bridge: from now on no packet is sent or received, not even a FIN or an RST of a
   * process that ends, and no host detects it.
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
 * Relay that runs on a host: it connects to the address in the first line of each connection, and forwards both ways.
 * Unix sockets do not depend on network namespaces, so every process can use it.
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

/** Returns a name that is unique to this call: several test processes may run at once. */
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
    // It was never created.
    return [];
  }
}

/** Removes a namespace, with the cables that end in it, if it exists. */
function removeNamespace(name: string): void {
  try {
    ip('netns', 'delete', name);
  } catch {
    // It was never created.
  }
}
