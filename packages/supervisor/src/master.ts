import { mkdirSync } from 'node:fs';
import { basename, dirname, relative } from 'node:path';
import {
  GatewayWorkerError,
  type Logger,
  openLog,
  type ProcessLog,
  toError,
} from '@gatewayworker/core';
import { AppendFile } from './append-file.ts';
import { ClusterHealth } from './cluster-health.ts';
import type { ConnectionPart } from './connection-report.ts';
import { ControlCommand, type ControlOrder } from './control-messages.ts';
import { controlPath } from './control-path.ts';
import { ControlServer, type SendPart } from './control-server.ts';
import { type DrainStep, findGateways } from './drain.ts';
import { FileWatcher } from './file-watcher.ts';
import { healthAddress, type ResolvedRunOptions } from './options.ts';
import { readPidFile, removePidFile, writePidFile } from './pid-file.ts';
import { type ProcessDeclaration, stopOrder } from './process-declaration.ts';
import { ProcessFailedError } from './process-failed-error.ts';
import { ProcessSampler } from './process-sampler.ts';
import { alreadyReloading, type ReloadStep, reloadProcesses } from './reload.ts';
import { findMaster } from './running-master.ts';
import { handleMasterSignals } from './signals.ts';
import { removeStaleSocket } from './stale-socket.ts';
import type { StartReport } from './start-report.ts';
import { ProcessState, type ProcessStatus, type StatusReport } from './status-report.ts';
import { Supervisor } from './supervisor.ts';
import { isTerminalGone } from './terminal-presence.ts';

/** How a master logs. */
export interface MasterOptions extends ResolvedRunOptions {
  /** Whether its processes log to the standard output as well as to the log file. */
  readonly logToStdout: boolean;
  /** Whether a change of a source beside the start file is a reload. @default false */
  readonly watch?: boolean;
}

/** Time that a gateway has for each part of its list of clients. */
const connectionsTimeoutMs = 1_000;

/** The process that starts all others, restarts what dies, and is what the command line talks to. */
export class Master {
  /** Resolves once everything has stopped, whoever asked for it. */
  readonly ended: Promise<void>;
  readonly #options: MasterOptions;
  readonly #log: ProcessLog;
  readonly #logger: Logger;
  /** Where a daemon's children print to. */
  readonly #childOutput: AppendFile | undefined;
  readonly #supervisor: Supervisor;
  readonly #control: ControlServer;
  readonly #health: ClusterHealth;
  readonly #sampler = new ProcessSampler(() => 0);
  #onEnded: () => void = () => {};
  #stopping: Promise<void> | undefined;
  #reloading: Promise<void> | undefined;
  #watcher: FileWatcher | undefined;
  #exitCode: 0 | 1 = 0;

  constructor(declarations: readonly ProcessDeclaration[], options: MasterOptions) {
    this.#options = options;
    mkdirSync(dirname(options.logFile), { recursive: true });
    this.#log = openLog({
      fields: { role: 'master', name: basename(options.startFile) },
      file: options.logFile,
      stdout: options.logToStdout,
    });
    this.#logger = this.#log.logger;
    this.#childOutput = options.logToStdout ? undefined : new AppendFile(options.logFile);
    this.#supervisor = new Supervisor(declarations, {
      ...options,
      logger: this.#logger,
      printChildOutput: (text) => {
        if (this.#childOutput === undefined) process.stderr.write(text);
        else this.#childOutput.append(text);
      },
    });
    const path = controlPath(options.pidFile);
    this.#control = new ControlServer(path, (order, sendPart) => this.#carryOut(order, sendPart));
    this.#health = new ClusterHealth({
      address: healthAddress(options.health),
      logger: this.#logger,
      name: basename(options.startFile),
      obstacle: () => (this.#stopping === undefined ? undefined : 'everything is being stopped'),
      askAll: () => this.#supervisor.health(),
    });
    this.ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
  }

  /** 0 after an orderly stop; 1 when a second signal or an error of the master itself ended it. */
  get exitCode(): 0 | 1 {
    return this.#exitCode;
  }

  /**
   * Starts all processes. When one of them fails, all are stopped again before this rejects.
   *
   * @throws {GW_ERR_CLUSTER_ALREADY_RUNNING} when another master holds the pid file
   * @throws {GW_ERR_LISTEN_FAILED} when the control socket or the port of probes cannot be opened
   * @throws {GW_ERR_PROCESS_FAILED} when a process ends before it was ready
   */
  async start(): Promise<StartReport> {
    await this.#takeControl();
    // Whoever wrote it is gone: the socket would not have been ours to take.
    const stalePid = readPidFile(this.#options.pidFile) ?? null;
    writePidFile(this.#options.pidFile);
    this.#watchProcess();
    try {
      await this.#health.listen();
      const rows = await this.#supervisor.start();
      this.#logger.info('started');
      if (this.#options.watch === true) this.#watch();
      return { pid: process.pid, stalePid, rows };
    } catch (error) {
      // At a terminal the caller prints it; a line in the log would say it twice there.
      if (!this.#options.logToStdout) this.#logger.error(error, 'could not start');
      await this.stop('the start failed');
      throw error;
    }
  }

  /**
   * Stops all processes and gives up the pid file; safe to call twice: the first call says how.
   *
   * @param isGraceful - whether they finish what has begun. @default false
   */
  stop(reason: string, isGraceful = false): Promise<void> {
    this.#stopping ??= this.#stopAll(reason, isGraceful);
    return this.#stopping;
  }

  /**
   * Replaces the processes that run the application's code by new ones, one after another.
   *
   * @throws {GW_ERR_PHASE} when it is not fully started, is being stopped, or reloads already
   * @throws {GW_ERR_PROCESS_FAILED} when a new process does not become ready; the old one goes on
   */
  async reload(reason: string, onStep: (step: ReloadStep) => void = () => {}): Promise<void> {
    this.#supervisor.assertRunning('reload');
    if (this.#reloading !== undefined) throw alreadyReloading();
    this.#reloading = this.#replaceAll(reason, onStep).finally(() => {
      this.#reloading = undefined;
    });
    await this.#reloading;
  }

  /** Becomes the one master of the pid file: only one process can bind the control socket. */
  async #takeControl(): Promise<void> {
    if (await this.#control.tryListen()) return;
    const running = await findMaster(this.#options.pidFile);
    if (running !== undefined) throw alreadyRunning(running);
    // Nobody answers there: a master that was killed left it behind.
    await removeStaleSocket(controlPath(this.#options.pidFile));
    if (!(await this.#control.tryListen())) {
      throw new GatewayWorkerError('GW_ERR_CLUSTER_ALREADY_RUNNING', 'it is being started already');
    }
  }

  #watchProcess(): void {
    handleMasterSignals({
      onStop: (signal, isGraceful) => void this.stop(signal, isGraceful),
      onKill: (signal) => this.#kill(signal),
      onReload: () => void this.#reloadNext('SIGUSR1'),
      onHangup: () => {
        if (isTerminalGone()) void this.stop('the terminal is gone');
        else this.#reopenLogs();
      },
    });
    // A terminal that is gone takes nothing more: that is no reason to end before everything has stopped.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
    process.on('uncaughtException', (error) => {
      this.#logger.fatal(error, 'an error that nobody caught ends the master');
      this.#exitCode = 1;
      void this.stop('an error');
    });
  }

  #watch(): void {
    const { startFile, pidFile, logFile } = this.#options;
    this.#watcher = new FileWatcher(dirname(startFile), {
      ignored: [pidFile, logFile],
      logger: this.#logger,
      onChange: async (paths) => {
        const names = paths.map((path) => relative(dirname(startFile), path));
        await this.#reloadNext(`${names.slice(0, 3).join(', ')} changed`);
        if (paths.includes(startFile)) {
          this.#logger.warn(
            `which processes ${basename(startFile)} declares is read at a restart only`,
          );
        }
      },
    });
  }

  async #replaceAll(reason: string, onStep: (step: ReloadStep) => void): Promise<void> {
    try {
      this.#logger.info({ reason }, 'reloading');
      await reloadProcesses(this.#supervisor.replaceable, this.#options, onStep);
      this.#logger.info('reloaded');
    } catch (thrown) {
      const error = describeFully(thrown);
      this.#logger.error(`not reloaded: ${error.message}`);
      throw error;
    }
  }

  /** Reloads for somebody who looks at the log, after a reload that is under way: it may have read older code. */
  async #reloadNext(reason: string): Promise<void> {
    await this.#reloading?.catch(() => {});
    await this.reload(reason).catch((error: unknown) => {
      // Any other failure has been logged by the reload itself.
      if (error instanceof GatewayWorkerError && error.code === 'GW_ERR_PHASE') {
        this.#logger.warn(error.message);
      }
    });
  }

  #reopenLogs(): void {
    try {
      this.#log.reopen();
      this.#childOutput?.reopen();
      this.#supervisor.reopenLogs();
      this.#logger.info('opened the log again');
    } catch (error) {
      this.#logger.error(error, 'cannot open the log again; the old file stays in use');
    }
  }

  async #stopAll(reason: string, isGraceful: boolean): Promise<void> {
    this.#watcher?.close();
    this.#logger.info({ reason }, isGraceful ? 'stopping gracefully' : 'stopping');
    await this.#supervisor.stop(isGraceful);
    removePidFile(this.#options.pidFile, process.pid);
    this.#logger.info('stopped');
    this.#health.close();
    // Last, because its end is what the stop command waits for.
    await this.#control.close();
    this.#onEnded();
  }

  #kill(signal: NodeJS.Signals): void {
    this.#logger.warn(`${signal} again: killing what has not stopped`);
    this.#exitCode = 1;
    this.#supervisor.kill();
  }

  async #carryOut(order: ControlOrder, sendPart: SendPart): Promise<unknown> {
    switch (order.command) {
      case ControlCommand.ping:
        return { pid: process.pid };
      case ControlCommand.status:
        return await this.#status();
      case ControlCommand.health:
        return await this.#health.report();
      case ControlCommand.stop: {
        void this.stop('the stop command', order.isGraceful);
        // Each kind of process has its time, and a little more until it is killed.
        const timeoutMs = (this.#options.stopTimeoutMs + 2_000) * stopOrder.length;
        return { pid: process.pid, timeoutMs };
      }
      case ControlCommand.reload:
        await this.reload('the reload command', (step) => void sendPart(step));
        return { pid: process.pid };
      case ControlCommand.connections:
        return { missing: await this.#listConnections(sendPart) };
      case ControlCommand.drain:
        await this.#drain(order.gateway, order.drainMs, sendPart);
        return { pid: process.pid };
      default:
        return order satisfies never;
    }
  }

  /** Passes on what every gateway tells of its clients; answers the gateways that did not tell all in time. */
  async #listConnections(sendPart: SendPart): Promise<string[]> {
    const lists = this.#supervisor.gateways.map(async (handle) => {
      const gateway = `${handle.declaration.name}#${handle.id}`;
      try {
        for await (const { pid, connections } of handle.connections(connectionsTimeoutMs)) {
          const part: ConnectionPart = { pid, gateway, connections };
          if (!(await sendPart(part))) break;
        }
        return [];
      } catch (error) {
        this.#logger.warn(error, `${gateway} has not told all its clients`);
        return [gateway];
      }
    });
    return (await Promise.all(lists)).flat();
  }

  async #drain(gateway: string | undefined, drainMs: number, sendPart: SendPart): Promise<void> {
    this.#supervisor.assertRunning('drain');
    const handles = findGateways(this.#supervisor.gateways, gateway);
    const options = { isGraceful: true, timeoutMs: this.#options.stopTimeoutMs, drainMs };
    const drains = handles.map(async (handle) => {
      this.#logger.info({ process: handle.label, drainMs }, 'draining');
      const step: DrainStep = {
        process: handle.label,
        wasKilled: await handle.drain(options),
      };
      await sendPart(step);
    });
    await Promise.all(drains);
  }

  async #status(): Promise<StatusReport> {
    return { processes: [this.#describeItself(), ...(await this.#supervisor.status())] };
  }

  #describeItself(): ProcessStatus {
    return {
      pid: process.pid,
      role: 'master',
      name: basename(this.#options.startFile),
      id: 0,
      state: this.#stopping === undefined ? ProcessState.ready : ProcessState.stopping,
      listen: '',
      connections: 0,
      inFlight: 0,
      sent: 0,
      received: 0,
      failedSends: 0,
      requests: 0,
      limits: {},
      tables: {},
      ...this.#sampler.sample(),
      uptimeSeconds: process.uptime(),
      restarts: 0,
      lastExit: null,
      exits: {},
      stack: null,
    };
  }
}

/** The error of a start while another master runs. */
export function alreadyRunning(pid: number): GatewayWorkerError {
  return new GatewayWorkerError('GW_ERR_CLUSTER_ALREADY_RUNNING', `already running (pid ${pid})`);
}

/** An error as those see it who do not see what the processes print. */
function describeFully(error: unknown): Error {
  if (!(error instanceof ProcessFailedError)) return toError(error);
  return new GatewayWorkerError('GW_ERR_PROCESS_FAILED', error.describe(), { cause: error });
}
