import cluster, { type Worker } from 'node:cluster';
import inspector from 'node:inspector';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError, type Logger, type StopOptions } from '@gatewayworker/core';
import { AdoptedChildren } from './adopted-children.ts';
import { type ChildAssignment, childVariable } from './child-assignment.ts';
import { childFlags } from './child-flags.ts';
import { ChildHandle } from './child-handle.ts';
import type { GatewayProcess } from './drain.ts';
import { closeHandedConnections } from './handed-connections.ts';
import type { ProcessHealth } from './health-report.ts';
import type { ResolvedRunOptions } from './options.ts';
import type { Orphan } from './orphan.ts';
import { type ProcessDeclaration, Role, startOrder, stopOrder } from './process-declaration.ts';
import type { StartReport, StartRow } from './start-report.ts';
import { describeReasons, ProcessState, type ProcessStatus } from './status-report.ts';
import { existingDirectory, workingDirectory } from './working-directory.ts';

/** What a supervisor needs to make its children. */
export interface SupervisorOptions extends ResolvedRunOptions {
  readonly logger: Logger;
  /** Whether children log to the standard output as well as to the log file. */
  readonly logToStdout: boolean;
  /** Gets what children print and the terminal does not show by itself. */
  readonly printChildOutput: (text: string) => void;
  /** Whether somebody starts the master again when it is killed, so that children go on meanwhile. */
  readonly isKept: boolean;
  /** Whether this master follows one that was killed. */
  readonly isRevived: boolean;
}

const statusTimeoutMs = 1_000;
const healthTimeoutMs = 1_000;
/** How often a start looks whether all are ready, and for how long at least, in milliseconds. */
const readyLookMs = 100;
const leastReadyMs = 1_000;
/** Time that children go on with neither a master nor a keeper, in milliseconds. */
const orphanMs = 10_000;

/** Starts, watches and stops the children of one master. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #declarations: readonly ProcessDeclaration[];
  readonly #handles: readonly ChildHandle[];
  readonly #adopted: AdoptedChildren;
  /** Of the start; it may be removed later. */
  readonly #workingDirectory: string;
  #isStarted = false;
  #stopping: Promise<void> | undefined;

  constructor(declarations: readonly ProcessDeclaration[], options: SupervisorOptions) {
    this.#options = options;
    this.#workingDirectory = workingDirectory(options.startFile);
    this.#declarations = declarations;
    this.#handles = declarations.flatMap((declaration, index) =>
      Array.from({ length: declaration.count }, (_, id) =>
        this.#createHandle(index, declaration, id),
      ),
    );
    this.#adopted = new AdoptedChildren({
      ...options,
      isDeclared: (role, name) => this.#ofRole(role).some((handle) => handle.name === name),
      isReplaced: (role, name) => this.#isReplaced(role, name),
    });
  }

  /** Whether it has taken over processes of an earlier master. */
  get hasAdopted(): boolean {
    return this.#adopted.total > 0;
  }

  /** The processes that run the application's code, in the order in which a reload replaces them. */
  get replaceable(): readonly ChildHandle[] {
    return [...this.#ofRole(Role.businessWorker), ...this.#ofRole(Role.worker)];
  }

  /** The gateway processes, in the order of their declarations, then those of an earlier master. */
  get gateways(): readonly GatewayProcess[] {
    return [...this.#ofRole(Role.gateway), ...this.#adopted.gateways];
  }

  /** Takes a process of an earlier master over; it leaves when others do its work. */
  adopt(orphan: Orphan, socket: Socket): void {
    this.#adopted.add(orphan, socket);
  }

  /**
   * Starts all children, kind after kind, and resolves once they have started.
   *
   * Children that are merely slow do not fail the start: after `readyTimeoutMs` it goes on without them.
   * Nor does anything where processes of an earlier master do the work meanwhile.
   *
   * @throws {GW_ERR_PROCESS_FAILED} when a child ends before it was ready; the others still run
   * @throws {GW_ERR_PHASE} when it is stopped meanwhile
   */
  async start(): Promise<void> {
    // Round robin, which node:cluster uses except on Windows, spreads clients evenly over the
    // processes that share a port; the kernel's own choice favours few of them.
    cluster.schedulingPolicy = cluster.SCHED_RR;
    if (this.#isRevived) await this.#startRevived();
    else for (const role of startOrder) await this.#startStage(role);
    this.#isStarted = true;
    this.#adopted.retireSoon();
  }

  /**
   * Resolves once all are ready, or when the time is over: links come up after the processes.
   *
   * @param deadline - on the clock of `performance.now()`; a second is waited at least
   */
  async untilReady(deadline: number): Promise<Pick<StartReport, 'rows' | 'reasons'>> {
    const readyBy = Math.max(deadline, performance.now() + leastReadyMs);
    for (;;) {
      const health = await this.health();
      const isOver = this.#stopping !== undefined || performance.now() >= readyBy;
      if (isOver || health.every(({ ready }) => ready)) {
        return { rows: this.#describeStart(health), reasons: describeReasons(health) };
      }
      await sleep(readyLookMs);
    }
  }

  /**
   * Stops all children, kind after kind; safe to call in any phase, and twice: the first call says how.
   *
   * @param isPrepared - when the first may be told; from the call on, none is started again
   */
  stop(isGraceful: boolean, isPrepared: Promise<unknown>): Promise<void> {
    const { stopTimeoutMs } = this.#options;
    const options = { isGraceful, timeoutMs: stopTimeoutMs, drainMs: 0 };
    this.#stopping ??= this.#stopStages(options, isPrepared);
    return this.#stopping;
  }

  /** Ends all children at once. */
  kill(): void {
    for (const handle of this.#handles) handle.kill();
    this.#adopted.kill();
  }

  /** Tells all children that the log file was moved away. */
  reopenLogs(): void {
    for (const handle of this.#handles) handle.reopenLog();
    this.#adopted.reopenLogs();
  }

  /** Asks every child for its figures, for at most 1 s, and busy ones for what they do, for at most 1 s more. */
  async status(): Promise<ProcessStatus[]> {
    const rows = await Promise.all([
      ...this.#handles.map((handle) => handle.status(statusTimeoutMs)),
      this.#adopted.status(statusTimeoutMs),
    ]);
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

  /**
   * Starts all where a master was killed. Its gateways and business workers go on, so those come first that
   * are away until there is another: what users' workers serve, then the register.
   */
  async #startRevived(): Promise<void> {
    const workers = this.#startStage(Role.worker);
    // Most of a start is to load code, for which others would share the processors. Once they have, they
    // may ask for the register.
    const loaded = this.#ofRole(Role.worker).map((handle) => handle.loaded());
    await Promise.race([workers, Promise.all(loaded)]);
    await Promise.all([workers, this.#startStage(Role.register)]);
    await this.#startStage(Role.gateway);
    await this.#startStage(Role.businessWorker);
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
    const mayFail = this.#isRevived;
    await Promise.all(handles.map((handle) => handle.start(mayFail))).finally(() => timer.abort());
    await deadline;
  }

  async #stopStages(options: StopOptions, isPrepared: Promise<unknown>): Promise<void> {
    for (const handle of this.#handles) handle.keepDown();
    this.#adopted.prepareStop();
    await isPrepared;
    this.#adopted.stopNew(options);
    for (const role of stopOrder) {
      const handles = this.#ofRole(role).map((handle) => handle.stop(options));
      await Promise.all([...handles, this.#adopted.stop(role, options)]);
    }
  }

  get #isRevived(): boolean {
    return this.#options.isRevived || this.hasAdopted;
  }

  /** Whether the processes of a declaration are all ready; one that is declared no more needs nobody. */
  #isReplaced(role: Role, name: string): boolean {
    const handles = this.#ofRole(role).filter((handle) => handle.name === name);
    if (handles.length === 0) return this.#isStarted;
    return handles.every(({ state }) => state === ProcessState.ready);
  }

  #ofRole(role: Role): ChildHandle[] {
    return this.#handles.filter((handle) => handle.declaration.role === role);
  }

  #describeStart(health: readonly ProcessHealth[]): StartRow[] {
    return this.#declarations.map((declaration) => {
      const { role, name, count } = declaration;
      const handles = this.#handles.filter((handle) => handle.declaration === declaration);
      const started = handles.filter((handle) => handle.state === ProcessState.ready).length;
      const own = health.filter((one) => one.role === role && one.name === name);
      const ready = own.filter((one) => one.ready).length;
      const listen = handles[0]?.listen ?? '';
      return { role, name, processes: count, ready, starting: count - started, listen };
    });
  }

  #createHandle(index: number, declaration: ProcessDeclaration, id: number): ChildHandle {
    const { logFile, logToStdout, logLevel, stopTimeoutMs, readyTimeoutMs, pidFile, isKept } =
      this.#options;
    const { logger, printChildOutput } = this.#options;
    const { role, name } = declaration;
    const assignment = {
      declaration: index,
      role,
      name,
      id,
      logFile,
      logToStdout,
      logLevel,
      stopTimeoutMs,
      pidFile,
      orphanMs: isKept ? orphanMs : 0,
    };
    const fork = () => {
      // As long as it is starting, not all that live may have been heard of.
      const isStarting = this.#isRevived && !this.#isStarted;
      const hasPredecessor = isStarting || this.#adopted.has(role, name, id);
      return this.#forkChild({ ...assignment, hasPredecessor });
    };
    return new ChildHandle({
      declaration,
      id,
      logger,
      stopTimeoutMs,
      readyTimeoutMs,
      fork,
      printError: printChildOutput,
      freePort: () => this.#adopted.releasePorts(name),
      onReady: () => this.#adopted.retireSoon(),
      onFailedStart: () => {
        // Two processes of a user's own may not do beside each other, unlike those of the framework.
        if (role === Role.worker) this.#adopted.giveWay(role, name);
      },
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
    const execArgv = childFlags(process.execArgv, inspector.url() !== undefined);
    const cwd = existingDirectory(this.#workingDirectory, dirname(startFile));
    cluster.setupPrimary({ exec: startFile, args, execArgv, stdio, cwd });
    const worker = cluster.fork({ [childVariable]: JSON.stringify(assignment) });
    closeHandedConnections(worker);
    worker.process.stdout?.setEncoding('utf8').on('data', printChildOutput);
    return worker;
  }
}
