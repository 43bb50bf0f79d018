import { basename } from 'node:path';
import { type Logger, zeroFigures } from '@gatewayworker/core';
import { ControlCommand, type ControlOrder, type ReloadKind } from '../control/control-messages.ts';
import type { SendPart } from '../control/control-server.ts';
import type { ResolvedRunOptions } from '../options.ts';
import { stopOrder } from '../process-declaration.ts';
import type { ClusterHealth } from '../report/cluster-health.ts';
import type { ConnectionPart } from '../report/connection-report.ts';
import { ProcessSampler } from '../report/process-sampler.ts';
import { ProcessState, type ProcessStatus, type StatusReport } from '../report/status-report.ts';
import { type DrainStep, findGateways, type UndrainStep } from './drain.ts';
import type { ReloadStep } from './reload.ts';
import type { Supervisor } from './supervisor.ts';

/** What the commands need of the master. */
export interface CommandedMaster {
  readonly supervisor: Supervisor;
  readonly health: ClusterHealth;
  readonly logger: Logger;
  /** Whether the cluster is stopping. */
  readonly isStopping: () => boolean;
  /** Log lines that the master has dropped. */
  readonly droppedLines: () => number;
  stop(reason: string, isGraceful: boolean): Promise<void>;
  reload(reason: string, onStep: (step: ReloadStep) => void, kind: ReloadKind): Promise<void>;
  /** Whether `start -d` started it. */
  readonly isDaemon: boolean;
  /** Ends the master, but not its processes, once the answer has been sent. */
  detach(): Promise<void>;
}

/** Time for each part of the client list of a gateway, in milliseconds. */
const CONNECTIONS_TIMEOUT_MS = 1_000;

/** Runs the commands that the command line sends to a master. */
export class MasterCommands {
  readonly #options: ResolvedRunOptions;
  readonly #master: CommandedMaster;
  readonly #sampler = new ProcessSampler(() => 0);

  constructor(options: ResolvedRunOptions, master: CommandedMaster) {
    this.#options = options;
    this.#master = master;
  }

  /** See `ControlCommand` for the answer of each command. */
  async execute(order: ControlOrder, sendPart: SendPart): Promise<unknown> {
    switch (order.command) {
      case ControlCommand.ping:
        return { pid: process.pid };
      case ControlCommand.status:
        return await this.#status();
      case ControlCommand.health:
        return await this.#master.health.report();
      case ControlCommand.stop: {
        void this.#master.stop('the stop command', order.isGraceful);
        // Each kind of process has the stop timeout, and a margin until it is killed.
        const timeoutMs = (this.#options.stopTimeoutMs + 2_000) * stopOrder.length;
        return { pid: process.pid, timeoutMs };
      }
      case ControlCommand.reload:
        await this.#reload(order.kind, sendPart);
        return { pid: process.pid };
      case ControlCommand.connections:
        return { missing: await this.#listConnections(sendPart) };
      case ControlCommand.drain:
        await this.#drain(order.gateway, order.drainMs, sendPart);
        return { pid: process.pid };
      case ControlCommand.undrain:
        await this.#undrain(order.gateway, sendPart);
        return { pid: process.pid };
      case ControlCommand.detach:
        await this.#master.detach();
        return { pid: process.pid, isDaemon: this.#master.isDaemon };
      default:
        return order satisfies never;
    }
  }

  /** Forwards the client lists of all gateways; resolves with the gateways whose list is incomplete. */
  async #listConnections(sendPart: SendPart): Promise<string[]> {
    const lists = this.#master.supervisor.gateways.map(async (handle) => {
      const gateway = `${handle.name}#${handle.id}`;
      try {
        await handle.connections(CONNECTIONS_TIMEOUT_MS, ({ pid, connections }) => {
          const part: ConnectionPart = { pid, gateway, connections };
          return sendPart(part);
        });
        return [];
      } catch (error) {
        this.#master.logger.warn({ err: error, gateway }, 'client list is incomplete');
        return [gateway];
      }
    });
    return (await Promise.all(lists)).flat();
  }

  async #reload(kind: ReloadKind, sendPart: SendPart): Promise<void> {
    await this.#master.reload('the reload command', (step) => void sendPart(step), kind);
  }

  async #drain(gateway: string | undefined, drainMs: number, sendPart: SendPart): Promise<void> {
    this.#master.supervisor.assertRunning('drain');
    const handles = findGateways(this.#master.supervisor.gateways, gateway);
    const options = { isGraceful: true, timeoutMs: this.#options.stopTimeoutMs, drainMs };
    const drains = handles.map(async (handle) => {
      this.#master.logger.info({ process: handle.label, drainMs }, 'draining');
      const step: DrainStep = {
        process: handle.label,
        wasKilled: await handle.drain(options),
      };
      await sendPart(step);
    });
    await Promise.all(drains);
  }

  async #undrain(gateway: string | undefined, sendPart: SendPart): Promise<void> {
    this.#master.supervisor.assertRunning('undrain');
    const handles = findGateways(this.#master.supervisor.gateways, gateway);
    const undrains = handles.map(async (handle) => {
      const wasDrained = await handle.undrain();
      if (wasDrained) this.#master.logger.info({ process: handle.label }, 'undrained');
      const step: UndrainStep = { process: handle.label, wasDrained };
      await sendPart(step);
    });
    // Wait for all of them before one failure is reported.
    await Promise.allSettled(undrains);
    await Promise.all(undrains);
  }

  async #status(): Promise<StatusReport> {
    return { processes: [this.#describeItself(), ...(await this.#master.supervisor.status())] };
  }

  #describeItself(): ProcessStatus {
    const isStopping = this.#master.isStopping();
    return {
      pid: process.pid,
      role: 'master',
      name: basename(this.#options.startFile),
      id: 0,
      state: isStopping ? ProcessState.stopping : ProcessState.ready,
      reasons: isStopping ? ['the cluster is stopping'] : [],
      listen: '',
      ...zeroFigures('role'),
      ...this.#sampler.sample(),
      droppedLines: this.#master.droppedLines(),
      uptimeSeconds: process.uptime(),
      restarts: 0,
      lastExit: null,
      exits: {},
      stack: null,
    };
  }
}
