import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import {
  eventually,
  makeCertificate,
  Network,
  type NetworkHost,
  type TemporaryFolder,
  TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import type { AtEnd } from './shared.ts';

/** The first message of the application of the recipes to a client. */
export interface Welcome {
  readonly type: 'welcome';
  readonly clientId: string;
  readonly remoteAddress: string;
}

/** A connected client and its first message. */
export interface WelcomedClient {
  readonly client: TestClient;
  readonly welcome: Welcome;
}

/** Options of a websocket; `tls` is the certificate of the proxy. */
type OpenOptions = ClientOptions & { readonly tls?: string };

type GatewayName = 'gateway1' | 'gateway2';

/** Longest start of a process on a busy machine. */
const READY_MS = 40_000;

const names = ['proxy', 'core', 'gateway1', 'gateway2', 'person'] as const;

/**
 * A proxy, two gateways, a register with a worker, and a host of clients: five hosts on one network,
 * on which the start files of the recipes run.
 */
export class RecipeHosts {
  readonly #network: Network;
  readonly #folder: TemporaryFolder;
  readonly #gatewayVariables: Record<string, string>;
  readonly #output = new Map<string, string>();

  private constructor(
    network: Network,
    folder: TemporaryFolder,
    gatewayVariables: Record<string, string>,
  ) {
    this.#network = network;
    this.#folder = folder;
    this.#gatewayVariables = gatewayVariables;
  }

  /** Starts register, gateways and worker, by the variables that the README of the recipes describes. */
  static async start(gatewayVariables: Record<string, string>, atEnd: AtEnd): Promise<RecipeHosts> {
    const network = await Network.start(names);
    atEnd(() => network.dispose());
    const folder = await temporaryFolder('recipes');
    atEnd(folder.dispose);
    const hosts = new RecipeHosts(network, folder, gatewayVariables);
    await folder.write('secret-key', 'the key of the test\n');
    await hosts.#startRoles();
    return hosts;
  }

  host(name: (typeof names)[number]): NetworkHost {
    return this.#network.host(name);
  }

  /** Everything that a program has printed, by the name that it was started by. */
  output(name: string): string {
    return this.#output.get(name) ?? '';
  }

  /** Writes a file of a recipe, with some texts replaced, to where a program can be told to read it. */
  async writeRecipe(path: string, replacements: Record<string, string> = {}): Promise<string> {
    let text = await readFile(recipePath(path), 'utf8');
    for (const [from, to] of Object.entries(replacements)) {
      if (!text.includes(from)) throw new Error(`${path} has no ${from}`);
      text = text.replaceAll(from, to);
    }
    return await this.write(path, text);
  }

  /** Writes a file into the folder of this test and resolves with its path. */
  write(name: string, content: string): Promise<string> {
    return this.#folder.write(name, content);
  }

  /** Makes a certificate and resolves with it and the folder of its files. */
  async writeCertificate(): Promise<{ cert: string; folder: string }> {
    const { cert, key } = await makeCertificate();
    await this.write('tls/cert.pem', cert);
    await this.write('tls/key.pem', key);
    await this.write('tls/both.pem', `${cert}\n${key}`);
    return { cert, folder: `${this.#folder.path}/tls` };
  }

  /** Starts a program on a host and keeps what it prints; it ends with the hosts. */
  startProgram(
    host: NetworkHost,
    name: string,
    [program = '', ...args]: readonly string[],
    variables: Record<string, string> = {},
  ): ChildProcess {
    const env = { ...process.env, ...variables };
    const child = host.spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#output.set(name, '');
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output.set(name, this.output(name) + text);
      });
    }
    return child;
  }

  /** Starts the gateway of a host again, all of whose processes were killed. */
  async restartGateway(name: GatewayName): Promise<void> {
    this.#startGateway(name);
    await this.#untilReady(`${name}-gateway`);
  }

  /** Runs a command of a role to its end and resolves with what it printed. */
  async command(host: NetworkHost, role: string, ...args: string[]): Promise<string> {
    const name = `${host.name} ${role} ${args.join(' ')}`;
    const child = this.startProgram(
      host,
      name,
      commandLine(role, ...args),
      this.#runVariables(host),
    );
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${name} ended with ${code}: ${this.output(name)}`);
    return this.output(name);
  }

  /** Opens two websockets, each by its own options, to different gateways. */
  async openBoth(
    first: OpenOptions,
    second: OpenOptions,
  ): Promise<[WelcomedClient, WelcomedClient]> {
    const one = await this.open(first);
    // A proxy may still count connections of a test before.
    const other = await eventually(async () => {
      const client = await this.open(second);
      return gatewayOf(client) !== gatewayOf(one) && client;
    });
    return [one, other];
  }

  /** Opens a websocket from the host of the person by the proxy, and takes its welcome. */
  async open(options: OpenOptions = {}): Promise<WelcomedClient> {
    const { tls: ca, ...given } = options;
    const person = this.host('person');
    const websocket = new WebSocket(ca === undefined ? 'ws://proxy/' : 'wss://proxy/', {
      ...given,
      createConnection: () =>
        ca === undefined
          ? person.connect(80, 'proxy')
          : connectTls({ socket: person.connect(443, 'proxy'), ca, servername: 'localhost' }),
    });
    const client = new TestClient(websocket);
    onTestFinished(() => client.terminate());
    const first = await Promise.race([client.next(), client.ended]);
    if (typeof first !== 'string') {
      const printed = Array.from(this.#output, ([name, text]) => `${name}:\n${text}`).join('\n');
      throw new Error(`no welcome: ${JSON.stringify(first)}\n${printed}`);
    }
    return { client, welcome: JSON.parse(first) };
  }

  async #startRoles(): Promise<void> {
    const core = this.host('core');
    this.#startRole(core, 'register', { GW_REGISTER_LISTEN: '0.0.0.0:1236' });
    this.#startGateway('gateway1');
    this.#startGateway('gateway2');
    await this.#untilReady('core-register', 'gateway1-gateway', 'gateway2-gateway');
    // It is ready once it is linked to every gateway of the register: both.
    this.#startRole(core, 'worker', {});
    await this.#untilReady('core-worker');
  }

  #startGateway(name: GatewayName): void {
    this.#startRole(this.host(name), 'gateway', {
      GW_LAN_IP: name,
      GW_INNER_LISTEN: '0.0.0.0',
      GW_TRUST_PROXY: this.host('proxy').ipv4,
      ...this.#gatewayVariables,
    });
  }

  async #untilReady(...programs: string[]): Promise<void> {
    const areReady = (): boolean =>
      programs.every((program) => this.output(program).includes('Press Ctrl+C'));
    await eventually(areReady, { timeoutMs: READY_MS });
  }

  #startRole(host: NetworkHost, role: string, variables: Record<string, string>): void {
    const all = { ...this.#runVariables(host), ...variables };
    this.startProgram(host, `${host.name}-${role}`, commandLine(role, 'start'), all);
  }

  #runVariables(host: NetworkHost): Record<string, string> {
    return {
      GW_REGISTER_ADDRESS: 'core:1236',
      GW_SECRET_KEY_FILE: `${this.#folder.path}/secret-key`,
      GW_RUN_DIR: `${this.#folder.path}/${host.name}`,
      GW_LOG_FILE: '/dev/null',
      GW_READY_TIMEOUT_MS: String(READY_MS),
    };
  }
}

function commandLine(role: string, ...args: string[]): string[] {
  return [process.execPath, recipePath(`cluster/dist/${role}.js`), ...args];
}

/** Absolute path of a file of the recipes. */
export function recipePath(path: string): string {
  return fileURLToPath(new URL(`../../recipes/${path}`, import.meta.url));
}

/** The gateway of a client: the first part of its id is random and new for each gateway process. */
export function gatewayOf({ welcome }: WelcomedClient): string {
  return welcome.clientId.slice(0, 5);
}

/** Waits until one of two clients has lost its connection, and answers the other. */
export async function theOther(
  one: WelcomedClient,
  other: WelcomedClient,
): Promise<WelcomedClient> {
  return await Promise.race([
    one.client.ended.then(() => other),
    other.client.ended.then(() => one),
  ]);
}
