import { mkdirSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createLogger, GatewayWorkerError, type Logger } from '@gatewayworker/core';
import { ControlCommand } from './control-messages.ts';
import { controlPath } from './control-path.ts';
import { ControlServer } from './control-server.ts';
import type { ResolvedRunOptions } from './options.ts';
import { readPidFile, removePidFile, writePidFile } from './pid-file.ts';
import { type ProcessDeclaration, stopOrder } from './process-declaration.ts';
import { ProcessSampler } from './process-sampler.ts';
import { findMaster } from './running-master.ts';
import { handleStopSignals } from './signals.ts';
import type { StartReport } from './start-report.ts';
import { ProcessState, type ProcessStatus, type StatusReport } from './status-report.ts';
import { Supervisor } from './supervisor.ts';

/** How a master logs. */
export interface MasterOptions extends ResolvedRunOptions {
  /** Whether its processes log to the standard output as well as to the log file. */
  readonly logToStdout: boolean;
}

/** The process that starts all others, restarts what dies, and is what the command line talks to. */
export class Master {
  /** Resolves once everything has stopped, whoever asked for it. */
  readonly ended: Promise<void>;
  readonly #options: MasterOptions;
  readonly #logger: Logger;
  readonly #supervisor: Supervisor;
  readonly #control: ControlServer;
  readonly #sampler = new ProcessSampler(() => 0);
  #onEnded: () => void = () => {};
  #stopping: Promise<void> | undefined;
  #exitCode: 0 | 1 = 0;

  constructor(declarations: readonly ProcessDeclaration[], options: MasterOptions) {
    this.#options = options;
    mkdirSync(dirname(options.logFile), { recursive: true });
    this.#logger = createLogger({
      fields: { role: 'master', name: basename(options.startFile) },
      file: options.logFile,
      stdout: options.logToStdout,
    });
    this.#supervisor = new Supervisor(declarations, { ...options, logger: this.#logger });
    const path = controlPath(options.pidFile);
    this.#control = new ControlServer(path, (command) => this.#carryOut(command));
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
   * @throws {GW_ERR_LISTEN_FAILED} when the control socket cannot be opened
   * @throws {GW_ERR_PROCESS_FAILED} when a process ends before it was ready
   */
  async start(): Promise<StartReport> {
    await this.#takeControl();
    // Whoever wrote it is gone: the socket would not have been ours to take.
    const stalePid = readPidFile(this.#options.pidFile) ?? null;
    writePidFile(this.#options.pidFile);
    this.#watchProcess();
    try {
      const rows = await this.#supervisor.start();
      this.#logger.info('started');
      return { pid: process.pid, stalePid, rows };
    } catch (error) {
      // At a terminal the caller prints it; a line in the log would say it twice there.
      if (!this.#options.logToStdout) this.#logger.error(error, 'could not start');
      await this.stop('the start failed');
      throw error;
    }
  }

  /** Stops all processes and gives up the pid file; safe to call twice. */
  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#stopAll(reason);
    return this.#stopping;
  }

  /** Becomes the one master of the pid file: only one process can bind the control socket. */
  async #takeControl(): Promise<void> {
    if (await this.#control.tryListen()) return;
    const running = await findMaster(this.#options.pidFile);
    if (running !== undefined) throw alreadyRunning(running);
    // Nobody answers there: a master that was killed left it behind.
    rmSync(controlPath(this.#options.pidFile), { force: true });
    if (!(await this.#control.tryListen())) {
      throw new GatewayWorkerError('GW_ERR_CLUSTER_ALREADY_RUNNING', 'it is being started already');
    }
  }

  #watchProcess(): void {
    handleStopSignals({
      onStop: (signal) => void this.stop(signal),
      onKill: (signal) => this.#kill(signal),
    });
    process.on('uncaughtException', (error) => {
      this.#logger.fatal(error, 'an error that nobody caught ends the master');
      this.#exitCode = 1;
      void this.stop('an error');
    });
  }

  async #stopAll(reason: string): Promise<void> {
    this.#logger.info({ reason }, 'stopping');
    await this.#supervisor.stop();
    removePidFile(this.#options.pidFile, process.pid);
    this.#logger.info('stopped');
    // Last, because its end is what the stop command waits for.
    await this.#control.close();
    this.#onEnded();
  }

  #kill(signal: NodeJS.Signals): void {
    this.#logger.warn(`${signal} again: killing what has not stopped`);
    this.#exitCode = 1;
    this.#supervisor.kill();
  }

  async #carryOut(command: ControlCommand): Promise<unknown> {
    switch (command) {
      case ControlCommand.ping:
        return { pid: process.pid };
      case ControlCommand.status:
        return await this.#status();
      case ControlCommand.stop:
        void this.stop('the stop command');
        return { pid: process.pid, timeoutMs: this.#options.stopTimeoutMs * stopOrder.length };
      default:
        return command satisfies never;
    }
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
      ...this.#sampler.sample(),
      uptimeSeconds: process.uptime(),
      restarts: 0,
      lastExit: null,
    };
  }
}

/** The error of a start while another master runs. */
export function alreadyRunning(pid: number): GatewayWorkerError {
  return new GatewayWorkerError('GW_ERR_CLUSTER_ALREADY_RUNNING', `already running (pid ${pid})`);
}
