import {
  type BusinessWorkerOptions,
  BusinessWorkerRuntime,
  type EventHandler,
  resolveBusinessWorkerOptions,
} from '@gatewayworker/business-worker';
import type { Guard, InnerTlsOptions, SecretKey } from '@gatewayworker/core';
import {
  type GatewayOptions,
  type GatewayRuntime,
  loadGateway,
  resolveGatewayOptions,
} from '@gatewayworker/gateway';
import { GatewayClient, type GatewayClientOptions } from '@gatewayworker/gateway-client';
import { RegisterRuntime, resolveRegisterOptions } from '@gatewayworker/register';
import type { ClientOptions } from 'ws';
import { type CapturedLogger, captureLogger, type LogLine } from './captured-logger.ts';
import { eventually } from './eventually.ts';
import {
  openClient,
  type Refused,
  requestRefusedHandshake,
  type TestClient,
} from './test-client.ts';

/** Options of `startRoles`. */
export interface RolesOptions {
  /** Callbacks of every worker, or of each by its number. */
  readonly events: EventHandler | ((workerId: number) => EventHandler);
  /** @default 1 */
  readonly gateways?: number;
  /** @default 1 */
  readonly workers?: number;
  /** Options of every gateway, or of each by its number. */
  readonly gatewayOptions?:
    | Partial<GatewayOptions>
    | ((gatewayId: number) => Partial<GatewayOptions>);
  /** Options of every worker, or of each by its number. */
  readonly workerOptions?:
    | Partial<BusinessWorkerOptions>
    | ((workerId: number) => Partial<BusinessWorkerOptions>);
  readonly secretKey?: SecretKey;
  /** Address for discovery, instead of the started register. */
  readonly registerAddress?: string;
  /** Guard of every role. @default a separate one for each */
  readonly guard?: Guard;
  /** TLS of every inner link. */
  readonly innerTls?: InnerTlsOptions;
}

/** A register, gateways and workers in this process, on free ports, over real sockets. */
export class Roles {
  readonly gateways: GatewayRuntime[] = [];
  readonly workers: BusinessWorkerRuntime[] = [];
  readonly #options: RolesOptions;
  readonly #log: CapturedLogger = captureLogger();
  readonly #clients: TestClient[] = [];
  readonly #gatewayClients: GatewayClient[] = [];
  #register: RegisterRuntime;
  #registerPort = 0;

  constructor(options: RolesOptions) {
    this.#options = options;
    this.#register = this.#createRegister();
  }

  /** All log lines of all roles. */
  get log(): readonly LogLine[] {
    return this.#log.lines;
  }

  /** Removes and returns the log lines so far. */
  takeLog(): LogLine[] {
    return this.#log.takeLines();
  }

  /** The running register. */
  get register(): RegisterRuntime {
    return this.#register;
  }

  /** Address for discovery. */
  get registerAddress(): string {
    return this.#options.registerAddress ?? `127.0.0.1:${this.#registerPort}`;
  }

  /** Starts all roles; resolves once every worker is linked to every gateway. */
  async start(): Promise<void> {
    await this.startRegister();
    const { gateways = 1, workers = 1 } = this.#options;
    for (let id = 0; id < gateways; id += 1) await this.startGateway();
    for (let id = 0; id < workers; id += 1) await this.startWorker();
  }

  /** Starts the register, on its previous port if it had one. */
  async startRegister(): Promise<void> {
    this.#register = this.#createRegister();
    await this.#register.start();
    this.#registerPort = this.#register.port;
  }

  /** Stops the register. */
  async stopRegister(): Promise<void> {
    await this.#register.stop();
  }

  /** Starts one more gateway. */
  async startGateway(): Promise<GatewayRuntime> {
    const { gatewayOptions } = this.#options;
    const { registerAddress } = this;
    const id = this.gateways.length;
    const options = resolveGatewayOptions({
      listen: 'websocket://127.0.0.1:0',
      name: 'test-gateway',
      startPort: 0,
      registerAddress,
      ...this.#security,
      ...(typeof gatewayOptions === 'function' ? gatewayOptions(id) : gatewayOptions),
    });
    const gateway = await loadGateway(options, {
      id,
      logger: this.#log.logger,
      guard: this.#options.guard,
    });
    this.gateways.push(gateway);
    await gateway.start();
    return gateway;
  }

  /** Starts one more worker; resolves once it is linked to every gateway. */
  async startWorker(): Promise<BusinessWorkerRuntime> {
    const { events, workerOptions } = this.#options;
    const { registerAddress } = this;
    const eventHandler = '/given/by/the/test';
    const options = { name: 'test-worker', eventHandler, registerAddress, ...this.#security };
    const id = this.workers.length;
    const resolved = resolveBusinessWorkerOptions({
      ...options,
      ...(typeof workerOptions === 'function' ? workerOptions(id) : workerOptions),
    });
    const worker = new BusinessWorkerRuntime(resolved, {
      id,
      logger: this.#log.logger,
      guard: this.#options.guard,
      loadEvents: async () => (typeof events === 'function' ? events(id) : events),
    });
    this.workers.push(worker);
    const before = this.gateways.map((gateway) => gateway.workerCount);
    await worker.start();
    await eventually(() =>
      this.gateways.every(
        (gateway, index) => gateway.isStopped || gateway.workerCount > (before[index] ?? 0),
      ),
    );
    return worker;
  }

  /** Opens a websocket to a gateway. */
  async connect(gatewayIndex = 0, path = '/', options: ClientOptions = {}): Promise<TestClient> {
    const client = await openClient(this.gateways[gatewayIndex]?.port ?? 0, path, options);
    this.#clients.push(client);
    return client;
  }

  /** Requests a websocket that the gateway must refuse. */
  refusedHandshake(gatewayIndex = 0, path = '/', options: ClientOptions = {}): Promise<Refused> {
    return requestRefusedHandshake(this.gateways[gatewayIndex]?.port ?? 0, path, options);
  }

  /** Connects a client of the Gateway API. */
  async gatewayClient(options: GatewayClientOptions = {}): Promise<GatewayClient> {
    const { registerAddress } = this;
    const given = { registerAddress, ...this.#security, ...options };
    const client = await GatewayClient.connect(given, this.#log.logger);
    this.#gatewayClients.push(client);
    return client;
  }

  /** Stops everything that was started. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.terminate();
    await Promise.all(this.#gatewayClients.map((client) => client.close()));
    await Promise.all(this.gateways.map((gateway) => gateway.stop()));
    await Promise.all(this.workers.map((worker) => worker.stop()));
    await this.#register.stop();
  }

  get #security(): { secretKey: SecretKey; innerTls?: InnerTlsOptions } {
    const { secretKey = '', innerTls } = this.#options;
    return { secretKey, ...(innerTls && { innerTls }) };
  }

  #createRegister(): RegisterRuntime {
    const listen = `127.0.0.1:${this.#registerPort}`;
    const { guard } = this.#options;
    const context = { id: 0, logger: this.#log.logger, guard };
    return new RegisterRuntime(resolveRegisterOptions({ listen, ...this.#security }), context);
  }
}

/** Starts a register, gateways and workers in this process. The caller stops them. */
export async function startRoles(options: RolesOptions): Promise<Roles> {
  const roles = new Roles(options);
  await roles.start();
  return roles;
}
