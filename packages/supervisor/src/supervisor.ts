import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError, type Logger, type StopOptions } from '@gatewayworker/core';
import { type ChildAssignment, childVariable } from './child-assignment.ts';
import { ChildHandle } from './child-handle.ts';
import type { ProcessHealth } from './health-report.ts';
import type { ResolvedRunOptions } from './options.ts';
import { type ProcessDeclaration, Role, startOrder, stopOrder } from './process-declaration.ts';
import type { StartRow } from './start-report.ts';
import { ProcessState, type ProcessStatus } from './status-report.ts';

/** What a supervisor needs to make its children. */
export interface SupervisorOptions extends ResolvedRunOptions {
  readonly logger: Logger;
  /** Whether children log to the standard output as well as to the log file. */
  readonly logToStdout: boolean;
  /** Gets what children print and the terminal does not show by itself. */
  readonly printChildOutput: (text: string) => void;
}

const statusTimeoutMs = 1_000;
const healthTimeoutMs = 1_000;

/** Starts, watches and stops the children of one master. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #declarations: readonly ProcessDeclaration[];
  readonly #handles: readonly ChildHandle[];
  #isStarted = false;
  #stopping: Promise<void> | undefined;

  constructor(declarations: readonly ProcessDeclaration[], options: SupervisorOptions) {
    this.#options = options;
    this.#declarations = declarations;
    this.#handles = declarations.flatMap((declaration, index) =>
      Array.from({ length: declaration.count }, (_, id) =>
        this.#createHandle(index, declaration, id),
      ),
    );
  }

  /** The processes that run the application's code, in the order in which a reload replaces them. */
  get replaceable(): readonly ChildHandle[] {
    return [...this.#ofRole(Role.businessWorker), ...this.#ofRole(Role.worker)];
  }

  /** The gateway processes, in the order of their declarations. */
  get gateways(): readonly ChildHandle[] {
    return this.#ofRole(Role.gateway);
  }

  /**
   * Starts all children, kind after kind, and resolves once they are ready.
   *
   * Children that are merely slow do not fail the start: after `readyTimeoutMs` it goes on without them.
   *
   * @throws {GW_ERR_PROCESS_FAILED} when a child ends before it was ready; the others still run
   * @throws {GW_ERR_PHASE} when it is stopped meanwhile
   */
  async start(): Promise<StartRow[]> {
    // Round robin, which node:cluster uses except on Windows, spreads clients evenly over the
    // processes that share a port; the kernel's own choice favours few of them.
    cluster.schedulingPolicy = cluster.SCHED_RR;
    for (const role of startOrder) await this.#startStage(role);
    this.#isStarted = true;
    return this.#describeStart();
  }

  /** Stops all children, kind after kind; safe to call in any phase, and twice: the first call says how. */
  stop(isGraceful: boolean): Promise<void> {
    this.#stopping ??= this.#stopStages({
      isGraceful,
      timeoutMs: this.#options.stopTimeoutMs,
      drainMs: 0,
    });
    return this.#stopping;
  }

  /** Ends all children at once. */
  kill(): void {
    for (const handle of this.#handles) handle.kill();
  }

  /** Tells all children that the log file was moved away. */
  reopenLogs(): void {
    for (const handle of this.#handles) handle.reopenLog();
  }

  /** Asks every child for its figures, for at most 1 s, and busy ones for what they do, for at most 1 s more. */
  async status(): Promise<ProcessStatus[]> {
    const rows = await Promise.all(this.#handles.map((handle) => handle.status(statusTimeoutMs)));
    return rows.flat();
  }

  /** Asks every child whether it lives and can serve, for at most 1 s. */
  health(): Promise<ProcessHealth[]> {
    const times = { answerMs: healthTimeoutMs, startMs: this.#options.readyTimeoutMs };
    return Promise.all(this.#handles.map((handle) => handle.health(times)));
  }

  /**
   * Throws unless all is started and nothing is being stopped.
   *
   * @throws {GW_ERR_PHASE} naming what was wanted
   */
  assertRunning(what: string): void {
    if (this.#stopping !== undefined) {
      throw new GatewayWorkerError('GW_ERR_PHASE', `cannot ${what}: it is being stopped`);
    }
    if (!this.#isStarted) {
      throw new GatewayWorkerError('GW_ERR_PHASE', `cannot ${what}: it is still being started`);
    }
  }

  async #startStage(role: Role): Promise<void> {
    if (this.#stopping !== undefined) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'stopped before everything was started');
    }
    const handles = this.#ofRole(role);
    const timer = new AbortController();
    const deadline = sleep(this.#options.readyTimeoutMs, undefined, { signal: timer.signal }).then(
      () => {
        for (const handle of handles) handle.keepTrying();
      },
      () => {},
    );
    await Promise.all(handles.map((handle) => handle.start())).finally(() => timer.abort());
    await deadline;
  }

  async #stopStages(options: StopOptions): Promise<void> {
    for (const handle of this.#handles) handle.keepDown();
    for (const role of stopOrder) {
      await Promise.all(this.#ofRole(role).map((handle) => handle.stop(options)));
    }
  }

  #ofRole(role: Role): ChildHandle[] {
    return this.#handles.filter((handle) => handle.declaration.role === role);
  }

  #describeStart(): StartRow[] {
    return this.#declarations.map((declaration) => {
      const handles = this.#handles.filter((handle) => handle.declaration === declaration);
      const ready = handles.filter((handle) => handle.state === ProcessState.ready).length;
      const { role, name, count } = declaration;
      return { role, name, processes: count, ready, listen: handles[0]?.listen ?? '' };
    });
  }

  #createHandle(index: number, declaration: ProcessDeclaration, id: number): ChildHandle {
    const { logFile, logToStdout, stopTimeoutMs, logger, printChildOutput } = this.#options;
    const { role, name } = declaration;
    const assignment: ChildAssignment = {
      declaration: index,
      role,
      name,
      id,
      logFile,
      logToStdout,
      stopTimeoutMs,
    };
    const fork = () => this.#forkChild(assignment);
    return new ChildHandle({
      declaration,
      id,
      logger,
      stopTimeoutMs,
      fork,
      printError: printChildOutput,
    });
  }

  #forkChild(assignment: ChildAssignment): Worker {
    const { startFile, logToStdout, printChildOutput } = this.#options;
    // The arguments only tell processes apart in `ps`; a child learns what it is from the variable.
    const args = [assignment.role, assignment.name, `#${assignment.id}`];
    // What a daemon's children print has to follow the log file when that is moved away.
    const stdio: ('inherit' | 'ignore' | 'pipe' | 'ipc')[] = logToStdout
      ? ['inherit', 'inherit', 'pipe', 'ipc']
      : ['ignore', 'pipe', 'pipe', 'ipc'];
    cluster.setupPrimary({ exec: startFile, args, execArgv: process.execArgv, stdio });
    const worker = cluster.fork({ [childVariable]: JSON.stringify(assignment) });
    worker.process.stdout?.setEncoding('utf8').on('data', printChildOutput);
    return worker;
  }
}
