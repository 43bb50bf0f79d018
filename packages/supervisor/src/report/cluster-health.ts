import type { HostPort, Logger } from '@gatewayworker/core';
import { type HealthReport, type ProcessHealth, reportHealth } from './health-report.ts';
import type { HealthServer } from './health-server.ts';

/** What the health of a cluster is read from. */
export interface ClusterHealthOptions {
  /** Where probes ask; `undefined` leaves it to the control socket. */
  readonly address: HostPort | undefined;
  readonly logger: Logger;
  /** Name of the start file. */
  readonly name: string;
  /** Why nothing is ready, such as that everything is being stopped; `undefined` when nothing speaks against it. */
  readonly obstacle: () => string | undefined;
  /** Asks every process. */
  readonly askAll: () => Promise<readonly ProcessHealth[]>;
}

/** The health of everything that one master runs. However many ask at once, each process is asked once. */
export class ClusterHealth {
  readonly #options: ClusterHealthOptions;
  #server: HealthServer | undefined;
  #isClosed = false;
  #asking: Promise<readonly ProcessHealth[]> | undefined;

  constructor(options: ClusterHealthOptions) {
    this.#options = options;
  }

  /**
   * Lets probes ask.
   *
   * @throws {GW_ERR_LISTEN_FAILED} naming the address
   */
  async listen(): Promise<void> {
    const { address, logger } = this.#options;
    if (address === undefined) return;
    // With HTTP, which no other process of a supervisor needs.
    const { HealthServer } = await import('./health-server.ts');
    if (this.#isClosed) return;
    this.#server = new HealthServer(address, { report: () => this.report(), logger });
    await this.#server.listen();
  }

  /** Ends the answers to probes. */
  close(): void {
    this.#isClosed = true;
    this.#server?.close();
  }

  /** Asks everything, which takes a second when something does not answer. */
  async report(): Promise<HealthReport> {
    this.#asking ??= this.#options.askAll().finally(() => {
      this.#asking = undefined;
    });
    const processes = await this.#asking;
    // Looked at afterwards, so that a stop that has begun meanwhile shows at once.
    const obstacle = this.#options.obstacle();
    const itself = {
      pid: process.pid,
      role: 'master',
      name: this.#options.name,
      id: 0,
      live: true,
      ready: true,
      reasons: [],
      warnings: [],
    };
    const all: readonly ProcessHealth[] = [itself, ...processes];
    return reportHealth(obstacle === undefined ? all : all.map((one) => hinder(one, obstacle)));
  }
}

function hinder(process: ProcessHealth, obstacle: string): ProcessHealth {
  return process.ready ? { ...process, ready: false, reasons: [obstacle] } : process;
}
