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

/** How a master runs. */
export interface MasterOptions extends Omit<ResolvedRunOptions, 'onMasterExit'> {
  /** Whether its processes log to the standard output as well as to the log file. */
  readonly logToStdout: boolean;
  /** Whether a change of a source beside the start file is a reload. @default false */
  readonly watch?: boolean;
  /** Time that `start` waits for everything to be ready, in milliseconds; a second at least once all have started. @default `readyTimeoutMs` for each kind, and that second */
  readonly waitMs?: number;
  /** What its processes do when it dies. */
  readonly onMasterExit: OnMasterExit;
  /** Version of the package. */
  readonly version: string;
  /** Variables that its processes get. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Time for an answer to leave, in milliseconds. */
const ANSWER_MS = 50;

/** The process that starts all others, restarts what dies, and is what the command line talks to. */
export class Master {
  /** Resolves once everything has stopped. */
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
  /** Pid of the master before, when it was killed. */
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
      obstacle: () => (this.#stopping === undefined ? undefined : 'everything is being stopped'),
      askAll: () => this.#supervisor.health(),
    });
    const commands = new MasterCommands(options, {
      supervisor: this.#supervisor,
      health: this.#health,
      logger: this.#logger,
      isStopping: () => this.#stopping !== undefined,
      droppedLines: () => this.#log.dropped,
      stop: (reason, isGraceful) => this.stop(reason, isGraceful),
      reload: (...how) => this.reload(...how),
      isDaemon: !options.logToStdout,
      leave: () => this.#leave(),
    });
    this.#control = new ControlServer(
      controlPath(options.pidFile),
      {
        parseOrder: parseControlOrder,
        onOrder: (order, sendPart) => {
          this.#descriptors.makeRoom();
          return commands.carryOut(order, sendPart);
        },
      },
      guard,
    );
    this.ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
  }

  /** 0 after an orderly stop; 1 when a second signal or an error of the master itself ended it. */
  get exitCode(): 0 | 1 {
    return this.#exitCode;
  }

  /**
   * Attaches to the processes that run without a master, and starts all others. When one of them fails and
   * nothing ran before, all are stopped again before this rejects.
   *
   * @throws {GW_ERR_CLUSTER_ALREADY_RUNNING} when another master holds the pid file
   * @throws {GW_ERR_LISTEN_FAILED} when the control socket or the port of probes cannot be opened
   * @throws {GW_ERR_PROCESS_FAILED} when a process ends before it was ready
   */
  async start(): Promise<StartReport> {
    const { waitMs } = this.#options;
    const readyBy = performance.now() + (waitMs ?? 0);
    await this.takeCharge();
    try {
      await this.#listenForProbes();
      await this.#supervisor.start(waitMs === undefined ? undefined : readyBy);
      const { attached, failures } = this.#supervisor;
      const warnings = [...this.#warnings, ...this.#supervisor.warnings];
      this.#logger.info({ attached }, 'started');
      if (this.#options.watch === true) this.#watch();
      const started = await this.#supervisor.untilReady(readyBy);
      const { pid } = process;
      return { pid, stalePid: this.#stalePid, attached, warnings, failures, ...started };
    } catch (error) {
      // At a terminal the caller prints it; a line in the log would say it twice there.
      if (!this.#options.logToStdout) this.#logger.error(error, 'could not start');
      await this.stop('the start failed');
      throw error;
    }
  }

  /**
   * Becomes the master of the pid file, and of the processes that run without one; answers how many these are.
   *
   * @throws {GW_ERR_CLUSTER_ALREADY_RUNNING} when another master holds the pid file
   * @throws {GW_ERR_LISTEN_FAILED} when the control socket cannot be opened
   */
  async takeCharge(): Promise<number> {
    await this.#takeControl();
    // The process that wrote it is gone: the socket would not have been ours to take.
    this.#stalePid = readPidFile(this.#options.pidFile) ?? null;
    this.#watchProcess();
    try {
      await this.#supervisor.attach();
      this.#writePidFile();
    } catch (error) {
      this.#giveUpControl();
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
   * Stops all processes and gives up the pid file; safe to call twice: the first call says how.
   *
   * @param isGraceful - whether they finish what has begun. @default false
   */
  stop(reason: string, isGraceful = false): Promise<void> {
    this.#stopping ??= this.#stopAll(reason, isGraceful);
    return this.#stopping;
  }

  /**
   * Replaces processes by new ones, one after another.
   *
   * @param kind - which: those that run the application's code, or gateways @default 'workers'
   * @throws {GW_ERR_PHASE} when it is not fully started, is being stopped, or reloads already
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

  /** Becomes the one master of the pid file: only one process can bind the control socket. */
  async #takeControl(): Promise<void> {
    if (await this.#control.tryListen()) return;
    const running = await findMaster(this.#options.pidFile);
    if (running !== undefined) throw alreadyRunning(running);
    // A master that was killed left it behind.
    await removeStaleSocket(controlPath(this.#options.pidFile));
    if (!(await this.#control.tryListen())) {
      throw new GatewayWorkerError(
        'GW_ERR_CLUSTER_ALREADY_RUNNING',
        'another process starts it at the moment: wait for that one',
      );
    }
  }

  /** Ends the master without its processes once its answer has been sent. */
  async #leave(): Promise<void> {
    this.#supervisor.assertRunning('leave');
    this.#logger.info('master ends: its processes keep running');
    this.#watcher?.close();
    await this.#supervisor.detach();
    setTimeout(() => {
      this.#giveUpControl();
      process.exit(0);
    }, ANSWER_MS);
  }

  #giveUpControl(): void {
    this.#runFiles?.close();
    this.#removePidFile();
    this.#health.close();
    void this.#control.close();
  }

  #watchProcess(): void {
    handleMasterSignals({
      onStop: (signal, isGraceful) => {
        void this.stop(signal, isGraceful);
        if (signal === 'SIGINT' && this.#options.logToStdout) {
          this.#logger.info('Ctrl+C again kills what has not stopped');
        }
      },
      onKill: (signal) => this.#kill(signal),
      onReload: () => void this.#reloadNext('SIGUSR1'),
      onHangup: () => {
        if (isTerminalGone()) void this.stop('the terminal is gone');
        else this.#reopenLogs();
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
          this.#logger.warn(
            `which processes ${basename(startFile)} declares is read at a restart only`,
          );
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

  /** Reloads after a reload that is under way, which may have read older code; the log has the result. */
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
    this.#runFiles?.close();
    this.#removePidFile();
    this.#logger.info('stopped');
    this.#health.close();
    this.#descriptors.close();
    // Last, because its end is what the stop command waits for.
    await this.#control.close();
    this.#onEnded();
  }

  #writePidFile(): void {
    try {
      writePidFile(this.#options.pidFile);
    } catch (error) {
      if (this.#supervisor.attached === 0 && !isDiskFull(error)) throw error;
      // Commands find the master by its socket, and the file is written once that works.
      const why = toError(toError(error).cause).message;
      const warning = `the pid file cannot be written (${why}); commands work without it`;
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
      // Clients are connected, so the master keeps running although probes get no answer.
      this.#logger.error(error, 'probes get no answer');
    }
  }

  #kill(signal: NodeJS.Signals): void {
    this.#logger.warn(`${signal} again: killing what has not stopped`);
    this.#exitCode = 1;
    this.#supervisor.kill();
  }
}

/** The error of a start while another master runs. */
export function alreadyRunning(pid: number): GatewayWorkerError {
  const message = `already running (pid ${pid}): use reload, restart or stop`;
  return new GatewayWorkerError('GW_ERR_CLUSTER_ALREADY_RUNNING', message);
}

/** Tells that error from others. */
export function isAlreadyRunning(error: unknown): boolean {
  return error instanceof GatewayWorkerError && error.code === 'GW_ERR_CLUSTER_ALREADY_RUNNING';
}

/** An error with the stack or the output of its process, for a reader who has only the error. */
function describeFully(error: unknown): Error {
  if (!(error instanceof ProcessFailedError)) return toError(error);
  return new GatewayWorkerError('GW_ERR_PROCESS_FAILED', error.describe(), { cause: error });
}
