import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayWorkerError, type Logger, type StopOptions, toError } from '@gatewayworker/core';
import { CHILD_PROTOCOL, type ChildIdentity } from '../control/child-protocol.ts';
import { slotKey } from '../control/child-socket.ts';
import {
  describeProcess,
  type ProcessDeclaration,
  Role,
  startOrder,
  stopOrder,
} from '../process-declaration.ts';
import { ChildHandle } from '../processes/child-handle.ts';
import { ChildLauncher, type LaunchOptions } from '../processes/child-launcher.ts';
import { gracefulStop } from '../processes/child-stop.ts';
import { hashDeclaration } from '../processes/declaration-hash.ts';
import { type FoundProcess, findProcesses } from '../processes/found-processes.ts';
import { RunningChild } from '../processes/running-child.ts';
import type { ProcessHealth } from '../report/health-report.ts';
import { describeStart, type StartReport } from '../report/start-report.ts';
import { describeReasons, type ProcessStatus } from '../report/status-report.ts';

/** Options of a supervisor. */
export interface SupervisorOptions extends LaunchOptions {
  readonly logger: Logger;
}

const STATUS_TIMEOUT_MS = 1_000;
const HEALTH_TIMEOUT_MS = 1_000;
/** Interval at which a start checks whether all processes are ready, in milliseconds. */
const READY_POLL_INTERVAL_MS = 100;
/** Shortest time that a start waits for all processes to be ready, in milliseconds. */
const MIN_READY_WAIT_MS = 1_000;
/** Time for a process to answer `identify` before it counts as busy, in milliseconds. */
const IDENTIFY_TIMEOUT_MS = 1_000;
/** Time for a process to answer `detach`, in milliseconds. */
const DETACH_TIMEOUT_MS = 1_000;

/** Attaches to, starts, watches and stops the children of one master. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #declarations: readonly ProcessDeclaration[];
  readonly #handles: readonly ChildHandle[];
  readonly #launcher: ChildLauncher;
  /** Running processes that the start file does not declare, with their roles. */
  readonly #undeclared = new Map<RunningChild, Role>();
  readonly #warnings: string[] = [];
  readonly #failures: string[] = [];
  #attached = 0;
  #isStarted = false;
  #stopping: Promise<void> | undefined;

  constructor(declarations: readonly ProcessDeclaration[], options: SupervisorOptions) {
    this.#options = options;
    this.#launcher = new ChildLauncher(options);
    this.#declarations = declarations;
    this.#handles = declarations.flatMap((declaration, index) =>
      Array.from({ length: declaration.count }, (_, id) =>
        this.#createHandle(index, declaration, id),
      ),
    );
  }

  /** Number of processes of an earlier master that it has attached to. */
  get attached(): number {
    return this.#attached;
  }

  /** Warnings for the operator about the start, one sentence each. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Processes that failed to start while processes of an earlier master run, one sentence each. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** The processes with application code, in the order in which a reload replaces them. */
  get replaceable(): readonly ChildHandle[] {
    return [...this.#ofRole(Role.businessWorker), ...this.#ofRole(Role.worker)];
  }

  /** The gateway processes, in the order of their declarations. */
  get gateways(): readonly ChildHandle[] {
    return this.#ofRole(Role.gateway);
  }

  /**
   * Attaches to the processes that an earlier master has left running.
   *
   * @throws {GW_ERR_CLUSTER_ALREADY_RUNNING} when one of them belongs to another master
   * @throws {GW_ERR_ACCESS_DENIED} when the run directory belongs to another user
   */
  async attach(): Promise<void> {
    const { pidFile, logger } = this.#options;
    const found = await findProcesses(pidFile, logger);
    this.#attached = found.length;
    const slots = new Map<string, FoundProcess[]>();
    for (const one of found) slots.set(one.slot, [...(slots.get(one.slot) ?? []), one]);
    const takeovers = this.#handles.map(async (handle) => {
      const key = slotKey(handle.declaration.role, handle.name, handle.id);
      const sources = (slots.get(key) ?? []).map(({ source }) => source);
      slots.delete(key);
      const children = sources.map((source) => handle.watch(source));
      await Promise.all(children.map((child) => this.#attachTo(child, handle.label)));
      const hash = hashDeclaration(handle.declaration);
      handle.attach(children, (identity) => this.#isCurrent(identity, hash));
    });
    await Promise.all([...takeovers, this.#attachToUndeclared([...slots.values()].flat())]);
  }

  /**
   * Starts all children that do not run yet, one role after another, and resolves once they have started.
   *
   * A slow child does not fail the start: after `readyTimeoutMs`, or at `readyBy`, the start continues without it.
   * While processes of an earlier master run, a failed child does not fail the start either: it is tried again, and
   * listed in `failures`.
   *
   * @param readyBy - on the clock of `performance.now()`
   * @throws {GW_ERR_PROCESS_FAILED} when a child ends before it is ready; the others still run
   * @throws {GW_ERR_PHASE} when a stop interrupts it
   */
  async start(readyBy: number = Number.POSITIVE_INFINITY): Promise<void> {
    for (const role of startOrder) await this.#startStage(role, readyBy);
    this.#isStarted = true;
    await this.#stopUndeclared(gracefulStop(this.#options.stopTimeoutMs));
  }

  /**
   * Resolves once all children are ready, or at the deadline: links come up after the processes.
   *
   * @param deadline - on the clock of `performance.now()`; the wait is at least 1 s
   */
  async waitUntilReady(deadline: number): Promise<Pick<StartReport, 'rows' | 'reasons'>> {
    const readyBy = Math.max(deadline, performance.now() + MIN_READY_WAIT_MS);
    for (;;) {
      const health = await this.health();
      const isOver = this.#stopping !== undefined || performance.now() >= readyBy;
      if (isOver || health.every(({ ready }) => ready)) {
        const rows = describeStart(this.#declarations, this.#handles, health);
        return { rows, reasons: describeReasons(health) };
      }
      await sleep(READY_POLL_INTERVAL_MS);
    }
  }

  /** Stops all children, one role after another, in any phase. A second call has no effect. */
  stop(isGraceful: boolean): Promise<void> {
    const { stopTimeoutMs } = this.#options;
    this.#stopping ??= this.#stopStages({ isGraceful, timeoutMs: stopTimeoutMs, drainMs: 0 });
    return this.#stopping;
  }

  /** Detaches from all children; they keep running, and none is restarted. */
  async detach(): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.detach(DETACH_TIMEOUT_MS)));
  }

  /** Kills all children. */
  kill(): void {
    for (const handle of this.#handles) handle.kill();
    for (const child of this.#undeclared.keys()) child.kill();
  }

  /** Has all children reopen their log file. */
  reopenLogs(): void {
    for (const handle of this.#handles) handle.reopenLog();
  }

  /** Requests the figures of every child, which takes at most 1 s, and the stacks of busy ones, at most 1 s more. */
  async status(): Promise<ProcessStatus[]> {
    const rows = this.#handles.map((handle) => handle.status(STATUS_TIMEOUT_MS));
    return (await Promise.all(rows)).flat();
  }

  /** Checks whether every child answers and is ready, which takes at most 1 s. */
  health(): Promise<ProcessHealth[]> {
    const timeouts = { answerMs: HEALTH_TIMEOUT_MS, startMs: this.#options.readyTimeoutMs };
    return Promise.all(this.#handles.map((handle) => handle.health(timeouts)));
  }

  /**
   * Throws while the cluster is starting or stopping.
   *
   * @throws {GW_ERR_PHASE} naming the command
   */
  assertRunning(command: string): void {
    if (this.#stopping !== undefined) {
      throw new GatewayWorkerError('GW_ERR_PHASE', `cannot ${command}: the cluster is stopping`);
    }
    if (!this.#isStarted) {
      throw new GatewayWorkerError(
        'GW_ERR_PHASE',
        `cannot ${command}: the cluster is still starting`,
      );
    }
  }

  /** Attaches to a process; if it does not answer in time, attaching continues in the background. */
  async #attachTo(child: RunningChild, label: string): Promise<void> {
    const attaching = child.identify().then(async (identity) => {
      if (identity?.protocol === CHILD_PROTOCOL) await child.attach();
      return identity;
    });
    const timer = new AbortController();
    const late = sleep(IDENTIFY_TIMEOUT_MS, 'late' as const, { signal: timer.signal });
    late.catch(() => {});
    const identity = await Promise.race([attaching, late]).finally(() => timer.abort());
    if (identity === 'late') {
      attaching.catch((error: unknown) => this.#options.logger.error(error, 'cannot attach'));
      this.#warn(
        `${label} (pid ${child.pid}) does not answer. It is kept, because it may be busy; to replace it: kill -9 ${child.pid}`,
      );
    } else if (identity !== undefined) {
      this.#warnOfVersion(identity, label);
    }
  }

  #warnOfVersion({ version, protocol, pid }: ChildIdentity, label: string): void {
    const runs = `${label} (pid ${pid}) runs version ${version}, this master ${this.#options.version}`;
    if (protocol !== CHILD_PROTOCOL) {
      this.#warn(`${runs}. Their control protocols differ: it is stopped and replaced`);
    } else if (version !== this.#options.version) {
      this.#warn(`${runs}. It is kept; reload replaces workers, restart replaces all processes`);
    }
  }

  #warn(warning: string): void {
    this.#warnings.push(warning);
    this.#options.logger.warn(warning);
  }

  #isCurrent({ protocol, declarationHash }: ChildIdentity, hash: string): boolean {
    return protocol === CHILD_PROTOCOL && declarationHash === hash;
  }

  async #attachToUndeclared(found: readonly FoundProcess[]): Promise<void> {
    const { logger, onMasterExit } = this.#options;
    const attaching = found.map(async ({ source, pid }) => {
      const events = {
        onReady() {},
        onTerminate() {},
        onEnd: () => void this.#undeclared.delete(child),
      };
      const child = new RunningChild(source, events, { logger, onMasterExit });
      this.#undeclared.set(child, Role.worker);
      await this.#attachTo(child, 'a process that is not declared');
      const { identity } = child;
      if (identity !== undefined && this.#undeclared.has(child)) {
        this.#undeclared.set(child, identity.role);
        const process = describeProcess(identity.role, identity.name, identity.id);
        logger.info(
          { process, oldPid: pid },
          'attached to a process that is not declared; it is stopped',
        );
      }
    });
    await Promise.all(attaching);
  }

  async #startStage(role: Role, readyBy: number): Promise<void> {
    if (this.#stopping !== undefined) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'stopped before everything was started');
    }
    const handles = this.#ofRole(role);
    const timer = new AbortController();
    const waitMs = Math.min(this.#options.readyTimeoutMs, Math.max(0, readyBy - performance.now()));
    const deadline = sleep(waitMs, undefined, { signal: timer.signal }).then(
      () => {
        for (const handle of handles) handle.startInBackground();
      },
      () => {},
    );
    const starts = handles.map(async (handle) => {
      try {
        await handle.start();
      } catch (error) {
        if (this.#attached === 0 || this.#stopping !== undefined) throw error;
        const failure = `${toError(error).message}. It is tried again; the other processes run`;
        this.#failures.push(failure);
        this.#options.logger.error(failure);
        handle.retryStart();
      }
    });
    await Promise.all(starts).finally(() => timer.abort());
    await deadline;
  }

  async #stopStages(options: StopOptions): Promise<void> {
    for (const handle of this.#handles) handle.disable();
    for (const role of stopOrder) {
      const handles = this.#ofRole(role).map((handle) => handle.stop(options));
      await Promise.all([...handles, this.#stopUndeclared(options, role)]);
    }
  }

  async #stopUndeclared(options: StopOptions, role?: Role): Promise<void> {
    const children = [...this.#undeclared].filter(([, its]) => role === undefined || its === role);
    await Promise.all(children.map(([child]) => child.stop(options)));
  }

  #ofRole(role: Role): ChildHandle[] {
    return this.#handles.filter((handle) => handle.declaration.role === role);
  }

  #createHandle(index: number, declaration: ProcessDeclaration, id: number): ChildHandle {
    const { stopTimeoutMs, logger, onMasterExit, readyTimeoutMs } = this.#options;
    const { role, name } = declaration;
    const slot = { declaration: index, role, name, id };
    return new ChildHandle({
      declaration,
      id,
      logger,
      stopTimeoutMs,
      readyTimeoutMs,
      onMasterExit,
      launch: (siblings) => this.#launcher.launch(slot, siblings),
      launchSuccessor: (predecessor) => this.#launcher.launchSuccessor(slot, predecessor),
      siblings: () =>
        this.#handles.flatMap((handle) =>
          handle.declaration === declaration && handle.id !== id ? handle.current : [],
        ),
    });
  }
}
