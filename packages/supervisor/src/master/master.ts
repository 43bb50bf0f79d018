import { basename, dirname, relative } from 'node:path';
import {
  DescriptorReserve,
  GatewayWorkerError,
  Guard,
  type Logger,
  openLog,
  type ProcessLog,
  toError,
} from '@gatewayworker/core';
import type { OnMasterExit } from '../control/child-protocol.ts';
import { type ControlOrder, parseControlOrder, ReloadKind } from '../control/control-messages.ts';
import { ControlServer } from '../control/control-server.ts';
import { controlPath } from '../control/run-directory.ts';
import type { RunFileRestorer } from '../control/run-file-restorer.ts';
import { healthAddress, type ResolvedRunOptions } from '../options.ts';
import type { ProcessDeclaration } from '../process-declaration.ts';
import { ProcessFailedError } from '../processes/process-failed-error.ts';
import { ClusterHealth } from '../report/cluster-health.ts';
import type { StartReport } from '../report/start-report.ts';
import { FileWatcher } from './file-watcher.ts';
import { findMaster } from './master-client.ts';
import { MasterCommands } from './master-commands.ts';
import { isDiskFull, readPidFile, removePidFile, writePidFile } from './pid-file.ts';
import { alreadyReloading, type ReloadStep, reloadProcesses } from './reload.ts';
import { restoreRunFiles } from './run-files.ts';
import { handleMasterSignals } from './signals.ts';
import { removeStaleSocket } from './stale-socket.ts';
import { Supervisor } from './supervisor.ts';
import { isTerminalGone } from './terminal-presence.ts';

/** Options of a master. */
export interface MasterOptions extends Omit<ResolvedRunOptions, 'onMasterExit'> {
  /** Whether its processes log to the standard output as well as to the log file. */
  readonly logToStdout: boolean;
  /** Whether a changed source in the folder of the start file triggers a reload. @default false */
  readonly watch?: boolean;
  /** Time that `start` waits for all processes to be ready, in milliseconds; at least 1 s once all have started. @default `readyTimeoutMs` for each kind, and 1 s */
  readonly waitMs?: number;
  /** What its processes do when it ends unexpectedly. */
  readonly onMasterExit: OnMasterExit;
  /** Version of the package. */
  readonly version: string;
  /** Environment variables of its processes. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Time to send the answer to `detach`, in milliseconds. */
const REPLY_FLUSH_MS = 50;

/** The master process: starts and restarts all others, and runs the commands of the command line. */
export class Master {
  /** Resolves once all processes have stopped. */
  readonly ended: Promise<void>;
  readonly #options: MasterOptions;
  readonly #log: ProcessLog;
  readonly #logger: Logger;
  readonly #descriptors: DescriptorReserve;
  readonly #supervisor: Supervisor;
  readonly #control: ControlServer<ControlOrder>;
  readonly #health: ClusterHealth;
  #onEnded: () => void = () => {};
  #stopping: Promise<void> | undefined;
  #reloading: Promise<void> | undefined;
  #watcher: FileWatcher | undefined;
  #runFiles: RunFileRestorer | undefined;
  #exitCode: 0 | 1 = 0;
  readonly #warnings: string[] = [];
  /** Pid of the previous master, if it was killed. */
  #stalePid: number | null = null;

  constructor(declarations: readonly ProcessDeclaration[], options: MasterOptions) {
    this.#options = options;
    this.#log = openLog({
      fields: { role: 'master', name: basename(options.startFile) },
      level: options.logLevel,
      file: options.logFile,
      stdout: options.logToStdout,
    });
    this.#logger = this.#log.logger;
    this.#descriptors = new DescriptorReserve(this.#logger);
    const guard = new Guard(this.#logger);
    this.#supervisor = new Supervisor(declarations, {
      ...options,
      ...{ logger: this.#logger, descriptors: this.#descriptors, guard },
      printChildOutput: (text) => {
        (options.logToStdout ? process.stderr : this.#log.file)?.write(text);
      },
    });
    this.#health = new ClusterHealth({
      address: healthAddress(options.health),
      logger: this.#logger,
      name: basename(options.startFile),
      notReadyReason: () => (this.#stopping === undefined ? undefined : 'the cluster is stopping'),
      checkAll: () => this.#supervisor.health(),
    });
    const commands = new MasterCommands(options, {
      supervisor: this.#supervisor,
      health: this.#health,
      logger: this.#logger,
      isStopping: () => this.#stopping !== undefined,
      droppedLines: () => this.#log.dropped,
      stop: (reason, isGraceful) => this.stop(reason, isGraceful),
      reload: (...args) => this.reload(...args),
      isDaemon: !options.logToStdout,
      detach: () => this.#detach(),
    });
    this.#control = new ControlServer(
      controlPath(options.pidFile),
      {
        parseOrder: parseControlOrder,
        onOrder: (order, sendPart) => {
          this.#descriptors.makeRoom();
          return commands.execute(order, sendPart);
        },
      },
      guard,
    );
    this.ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
  }

  /** 0 after an orderly stop; 1 when a second signal or an error of the master ended it. */
  get exitCode(): 0 | 1 {
    return this.#exitCode;
  }

  /**
   * Attaches to the processes that run without a master, and starts all others. If one fails to start and no process
   * ran before, all are stopped before this rejects.
   *
   * @throws {GW_ERR_CLUSTER_ALREADY_RUNNING} when another master runs with this pid file
   * @throws {GW_ERR_LISTEN_FAILED} when the control socket or the port of probes cannot be opened
   * @throws {GW_ERR_PROCESS_FAILED} when a process ends before it is ready
   */
  async start(): Promise<StartReport> {
    const { waitMs } = this.#options;
    const readyBy = performance.now() + (waitMs ?? 0);
    await this.acquireControl();
    try {
      await this.#listenForProbes();
      await this.#supervisor.start(waitMs === undefined ? undefined : readyBy);
      const { attached, failures } = this.#supervisor;
      const warnings = [...this.#warnings, ...this.#supervisor.warnings];
      this.#logger.info({ attached }, 'started');
      if (this.#options.watch === true) this.#watch();
      const started = await this.#supervisor.waitUntilReady(readyBy);
      const { pid } = process;
      return { pid, stalePid: this.#stalePid, attached, warnings, failures, ...started };
    } catch (error) {
      // At a terminal the caller prints the error; a log line would repeat it there.
      if (!this.#options.logToStdout) this.#logger.error(error, 'could not start');
      await this.stop('the start failed');
      throw error;
    }
  }

  /**
   * Becomes the master of the pid file, and attaches to the processes that run without one; resolves with their number.
   *
   * @throws {GW_ERR_CLUSTER_ALREADY_RUNNING} when another master runs with this pid file
   * @throws {GW_ERR_LISTEN_FAILED} when the control socket cannot be opened
   */
  async acquireControl(): Promise<number> {
    await this.#bindControlSocket();
    // The process that wrote the file has ended: otherwise its socket would be in use.
    this.#stalePid = readPidFile(this.#options.pidFile) ?? null;
    this.#handleProcessEvents();
    try {
      await this.#supervisor.attach();
      this.#writePidFile();
    } catch (error) {
      this.#releaseControl();
      throw error;
    }
    this.#runFiles = restoreRunFiles(this.#options, this.#logger, {
      isLogDetached: () => this.#log.isDetached,
      reopenLogs: () => this.#reopenLogs(),
      listenAgain: () => this.#control.listenAgain(),
    });
    return this.#supervisor.attached;
  }

  /**
   * Stops all processes and removes the pid file. A second call has no effect.
   *
   * @param isGraceful - whether the processes finish their work first. @default false
   */
  stop(reason: string, isGraceful = false): Promise<void> {
    this.#stopping ??= this.#stopAll(reason, isGraceful);
    return this.#stopping;
  }

  /**
   * Replaces processes by new ones, one after another.
   *
   * @param kind - processes with application code, or gateways @default 'workers'
   * @throws {GW_ERR_PHASE} while the cluster is starting, stopping or reloading
   * @throws {GW_ERR_PROCESS_FAILED} when a new process does not become ready; the old one keeps running
   */
  async reload(
    reason: string,
    onStep: (step: ReloadStep) => void = () => {},
    kind: ReloadKind = ReloadKind.workers,
  ): Promise<void> {
    this.#supervisor.assertRunning('reload');
    if (this.#reloading !== undefined) throw alreadyReloading();
    this.#reloading = this.#replaceAll(reason, onStep, kind).finally(() => {
      this.#reloading = undefined;
    });
    await this.#reloading;
  }

  /** Binds the control socket, so that this process is the only master of the pid file. */
  async #bindControlSocket(): Promise<void> {
    if (await this.#control.tryListen()) return;
    const running = await findMaster(this.#options.pidFile);
    if (running !== undefined) throw alreadyRunning(running);
    // A killed master left the socket behind.
    await removeStaleSocket(controlPath(this.#options.pidFile));
    if (!(await this.#control.tryListen())) {
      throw new GatewayWorkerError(
        'GW_ERR_CLUSTER_ALREADY_RUNNING',
        'another start of this cluster is in progress: wait for it to finish',
      );
    }
  }

  /** Ends the master, but not its processes, once the answer has been sent. */
  async #detach(): Promise<void> {
    this.#supervisor.assertRunning('restart the master');
    this.#logger.info('master ends: its processes keep running');
    this.#watcher?.close();
    await this.#supervisor.detach();
    setTimeout(() => {
      this.#releaseControl();
      process.exit(0);
    }, REPLY_FLUSH_MS);
  }

  #releaseControl(): void {
    this.#runFiles?.close();
    this.#removePidFile();
    this.#health.close();
    void this.#control.close();
  }

  #handleProcessEvents(): void {
    handleMasterSignals({
      onStop: (signal, isGraceful) => {
        void this.stop(signal, isGraceful);
        if (signal === 'SIGINT' && this.#options.logToStdout) {
          this.#logger.info('press Ctrl+C again to kill the remaining processes');
        }
      },
      onKill: (signal) => this.#kill(signal),
      onReload: () => void this.#reloadNext('SIGUSR1'),
      onHangup: () => {
        if (isTerminalGone()) void this.stop('the terminal is gone');
        else this.#handleLogRotation();
      },
    });
    process.on('uncaughtException', (error) => {
      this.#logger.fatal(error, 'uncaught error: the master stops everything');
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
          this.#logger.warn('changed declarations of the start file take effect at a restart');
        }
      },
    });
  }

  async #replaceAll(
    reason: string,
    onStep: (step: ReloadStep) => void,
    kind: ReloadKind,
  ): Promise<void> {
    try {
      this.#logger.info({ reason, kind }, 'reloading');
      const { gateways, replaceable } = this.#supervisor;
      const handles = kind === ReloadKind.gateways ? gateways : replaceable;
      await reloadProcesses(handles, kind, this.#options, onStep);
      this.#logger.info('reloaded');
    } catch (thrown) {
      const error = describeFully(thrown);
      this.#logger.error(`not reloaded: ${error.message}`);
      throw error;
    }
  }

  /** Reloads after the current reload, which may have read older code; the result is logged. */
  async #reloadNext(reason: string): Promise<void> {
    await this.#reloading?.catch(() => {});
    await this.reload(reason).catch((error: unknown) => {
      // The reload itself has logged every other failure.
      if (error instanceof GatewayWorkerError && error.code === 'GW_ERR_PHASE') {
        this.#logger.warn(error.message);
      }
    });
  }

  #reopenLogs(): void {
    this.#log.reopen();
    this.#supervisor.reopenLogs();
  }

  #handleLogRotation(): void {
    try {
      this.#reopenLogs();
      this.#logger.info('reopened the log file');
    } catch (error) {
      this.#logger.error(error, 'cannot reopen the log file; the old file stays in use');
    }
  }

  async #stopAll(reason: string, isGraceful: boolean): Promise<void> {
    this.#watcher?.close();
    this.#logger.info({ reason }, isGraceful ? 'stopping gracefully' : 'stopping');
    await this.#supervisor.stop(isGraceful);
    this.#runFiles?.close();
    this.#removePidFile();
    this.#logger.info('stopped');
    this.#health.close();
    this.#descriptors.close();
    // Close it last: the stop command waits for the end of this connection.
    await this.#control.close();
    this.#onEnded();
  }

  #writePidFile(): void {
    try {
      writePidFile(this.#options.pidFile);
    } catch (error) {
      if (this.#supervisor.attached === 0 && !isDiskFull(error)) throw error;
      // Commands find the master by its socket. The file is written as soon as that is possible.
      const reason = toError(toError(error).cause).message;
      const warning = `the pid file cannot be written (${reason}); commands work without it`;
      this.#warnings.push(warning);
      this.#logger.error(warning);
    }
  }

  #removePidFile(): void {
    try {
      removePidFile(this.#options.pidFile, process.pid);
    } catch (error) {
      this.#logger.error(error, 'cannot remove the pid file');
    }
  }

  async #listenForProbes(): Promise<void> {
    try {
      await this.#health.listen();
    } catch (error) {
      if (this.#supervisor.attached === 0) throw error;
      // Clients are connected, so the master keeps running without probes.
      this.#logger.error(error, 'cannot listen for probes');
    }
  }

  #kill(signal: NodeJS.Signals): void {
    this.#logger.warn({ signal }, 'second signal: killing the remaining processes');
    this.#exitCode = 1;
    this.#supervisor.kill();
  }
}

/** Creates the error of a start while another master runs. */
export function alreadyRunning(pid: number): GatewayWorkerError {
  const message = `already running (pid ${pid}): use reload, restart or stop`;
  return new GatewayWorkerError('GW_ERR_CLUSTER_ALREADY_RUNNING', message);
}

/** Tells whether an error is that of `alreadyRunning`. */
export function isAlreadyRunning(error: unknown): boolean {
  return error instanceof GatewayWorkerError && error.code === 'GW_ERR_CLUSTER_ALREADY_RUNNING';
}

/** Adds the stack or the output of the process to the message of an error. */
function describeFully(error: unknown): Error {
  if (!(error instanceof ProcessFailedError)) return toError(error);
  return new GatewayWorkerError('GW_ERR_PROCESS_FAILED', error.describe(), { cause: error });
}
