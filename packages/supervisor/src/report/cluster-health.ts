import type { HostPort, Logger } from '@gatewayworker/core';
import { type HealthReport, type ProcessHealth, reportHealth } from './health-report.ts';
import type { HealthServer } from './health-server.ts';

/** Options of `ClusterHealth`. */
export interface ClusterHealthOptions {
  /** Address for HTTP probes; `undefined` for none. */
  readonly address: HostPort | undefined;
  readonly logger: Logger;
  /** Name of the start file. */
  readonly name: string;
  /** Why no process is ready, for example because the cluster is stopping; `undefined` when there is no such reason. */
  readonly notReadyReason: () => string | undefined;
  /** Checks every process. */
  readonly checkAll: () => Promise<readonly ProcessHealth[]>;
}

/** Health of all processes of a master. Concurrent requests share one check of each process. */
export class ClusterHealth {
  readonly #options: ClusterHealthOptions;
  #server: HealthServer | undefined;
  #isClosed = false;
  #checking: Promise<readonly ProcessHealth[]> | undefined;

  constructor(options: ClusterHealthOptions) {
    this.#options = options;
  }

  /**
   * Opens the port for probes.
   *
   * @throws {GW_ERR_LISTEN_FAILED} naming the address
   */
  async listen(): Promise<void> {
    const { address, logger } = this.#options;
    if (address === undefined) return;
    // Loaded on demand, because the HTTP module is needed for nothing else.
    const { HealthServer } = await import('./health-server.ts');
    if (this.#isClosed) return;
    this.#server = new HealthServer(address, { report: () => this.report(), logger });
    await this.#server.listen();
  }

  /** Closes the port for probes. */
  close(): void {
    this.#isClosed = true;
    this.#server?.close();
  }

  /** Checks all processes, which takes 1 s when one does not answer. */
  async report(): Promise<HealthReport> {
    this.#checking ??= this.#options.checkAll().finally(() => {
      this.#checking = undefined;
    });
    const processes = await this.#checking;
    // Read after the check, so that a stop that began during it counts.
    const reason = this.#options.notReadyReason();
    const master = {
      pid: process.pid,
      role: 'master',
      name: this.#options.name,
      id: 0,
      live: true,
      ready: true,
      reasons: [],
      warnings: [],
    };
    const all: readonly ProcessHealth[] = [master, ...processes];
    return reportHealth(reason === undefined ? all : all.map((one) => withReason(one, reason)));
  }
}

function withReason(process: ProcessHealth, reason: string): ProcessHealth {
  return process.ready ? { ...process, ready: false, reasons: [reason] } : process;
}
