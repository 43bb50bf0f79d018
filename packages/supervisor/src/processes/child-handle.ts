import { GatewayWorkerError, type Logger, type StopOptions } from '@gatewayworker/core';
import type { ChildExit, ChildIdentity, ChildReport } from '../control/child-protocol.ts';
import { describeProcess, type ProcessDeclaration, Role } from '../process-declaration.ts';
import { checkHealth, type HealthTimeouts } from '../report/child-health.ts';
import { describeSlot, ExitRecord } from '../report/child-status.ts';
import type { ProcessHealth } from '../report/health-report.ts';
import { ProcessState, type ProcessStatus } from '../report/status-report.ts';
import { chooseProcess, isStarting } from './child-choice.ts';
import type { ChildHandleOptions } from './child-handle-options.ts';
import {
  describeReadyTimeout,
  type FirstStart,
  launchFailure,
  type Replacement,
  type ReplaceOptions,
  type Successor,
  stoppedBeforeReady,
} from './child-replacement.ts';
import { GROUP_SIGNAL_MS, gracefulStop } from './child-stop.ts';
import { logEnd, ProcessFailedError } from './process-failed-error.ts';
import type { ProcessSource } from './process-source.ts';
import { RestartPolicy } from './restart-policy.ts';
import { type ChildEvents, type OnConnections, RunningChild } from './running-child.ts';

/** Keeps one slot of a declaration filled: the first start, restarts and successors with the same id, and the end. */
export class ChildHandle {
  readonly declaration: ProcessDeclaration;
  readonly id: number;
  readonly #options: ChildHandleOptions;
  readonly #logger: Logger;
  readonly #policy = new RestartPolicy();
  #state: ProcessState = ProcessState.stopped;
  #child: RunningChild | undefined;
  #successor: Successor | undefined;
  /** Predecessors and duplicates that are stopping. */
  readonly #stopping = new Set<RunningChild>();
  /** Set until the process is ready, or its start continues in the background. */
  #firstStart: FirstStart | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #restarts = 0;
  readonly #exits = new ExitRecord();
  #listen: string;
  /** True once the slot stays empty after the end of its process: it is stopped or drained, or about to be. */
  isDisabled = false;
  /** Whether the declaration of the process has changed since it was started. */
  #isOutdated = false;

  constructor(options: ChildHandleOptions) {
    this.declaration = options.declaration;
    this.id = options.id;
    this.#options = options;
    this.#listen = options.declaration.listen;
    const { role, name } = options.declaration;
    this.#logger = options.logger.child({ process: describeProcess(role, name, options.id) });
  }

  /** Address that the process listens on, as far as it is known. */
  get listen(): string {
    return this.#listen;
  }

  get state(): ProcessState {
    return this.#state;
  }

  get name(): string {
    return this.declaration.name;
  }

  /** Name and number as tables show them, such as `chat-worker #0`. */
  get label(): string {
    return `${this.declaration.name} #${this.id}`;
  }

  /** The process in this slot, without successor and predecessors; empty when there is none. */
  get current(): readonly RunningChild[] {
    return this.#child === undefined ? [] : [this.#child];
  }

  /** Attaches to the processes that an earlier master has left in this slot, and keeps one; `isCurrent` compares it with the start file. */
  attach(children: readonly RunningChild[], isCurrent: (identity: ChildIdentity) => boolean): void {
    const { kept, stopping, duplicates } = chooseProcess(children);
    for (const child of [...stopping, ...duplicates]) this.#stopping.add(child);
    for (const child of duplicates) void child.stop(gracefulStop(this.#options.stopTimeoutMs));
    if (kept === undefined) return;
    this.#child = kept;
    this.#listen = kept.readyReport?.listen || this.#listen;
    this.#state = isStarting(kept) ? ProcessState.starting : ProcessState.ready;
    this.#isOutdated = kept.identity !== undefined && !isCurrent(kept.identity);
    this.#logger.info({ oldPid: kept.pid, isOutdated: this.#isOutdated }, 'attached');
  }

  /**
   * Starts the process unless one runs as declared; resolves once it is ready, or on `startInBackground`.
   *
   * @throws {GW_ERR_PROCESS_FAILED} when it ends before; it is not restarted
   */
  async start(): Promise<void> {
    if (this.#isOutdated) return await this.#replaceOutdated();
    if (this.#state === ProcessState.ready) return;
    await new Promise<void>((resolve, reject) => {
      this.#firstStart = { resolve, reject };
      if (this.#child === undefined) this.#launch();
    });
  }

  /** Starts the process again after its first start has failed, with backoff. */
  retryStart(): void {
    if (this.#child === undefined && !this.isDisabled)
      this.#launchAfter(this.#policy.nextDelayMs(0));
  }

  /** Resolves a pending `start`: a slow process keeps starting, and is restarted indefinitely. */
  startInBackground(): void {
    this.#firstStart?.resolve();
    this.#firstStart = undefined;
  }

  /**
   * Starts a successor, and stops the process once the successor is ready. If the successor fails, the process
   * keeps running.
   *
   * @throws {GW_ERR_PROCESS_FAILED} when the successor ends before it is ready, or is not ready in time
   * @throws {GW_ERR_PHASE} when the process is stopped
   */
  async replace({ readyTimeoutMs, stop, isHandover }: ReplaceOptions): Promise<Replacement> {
    if (this.isDisabled) throw stoppedBeforeReady();
    clearTimeout(this.#restartTimer);
    let child: RunningChild;
    try {
      child = this.#spawn(this.current, isHandover);
    } catch (error) {
      throw this.#notReplaced(launchFailure(error));
    }
    let timeoutFailure: Pick<ChildExit, 'failure'> = {};
    const timer = setTimeout(async () => {
      timeoutFailure = await describeReadyTimeout(child, readyTimeoutMs);
      if (this.#successor?.child === child) child.kill();
    }, readyTimeoutMs);
    return await new Promise<Replacement>((resolve, reject) => {
      this.#successor = {
        child,
        onReady: (report) => resolve(this.#takeOver(child, report, stop)),
        onEnd: (end) => reject(this.#notReplaced({ ...end, ...timeoutFailure })),
      };
    }).finally(() => clearTimeout(timer));
  }

  /** Leaves the process running, but does not fill the slot again when it ends. */
  disable(): void {
    this.isDisabled = true;
    clearTimeout(this.#restartTimer);
  }

  /** Stops the process; kills it if it has not ended in time. */
  async stop(options: StopOptions): Promise<void> {
    await this.#stopAll(options);
    this.#state = ProcessState.stopped;
  }

  /** Stops the process as `stop` does, while the others keep running; resolves with whether it was killed. */
  async drain(options: StopOptions): Promise<boolean> {
    const wasKilled = await this.#stopAll(options);
    this.#state = ProcessState.drained;
    return wasKilled;
  }

  /**
   * Starts the process again after a drain; resolves once it is ready, or after `readyTimeoutMs`.
   *
   * @returns false for a process that was not drained, which is left as it is
   * @throws {GW_ERR_PHASE} while it drains
   * @throws {GW_ERR_PROCESS_FAILED} when it ends before it was ready, and stays down
   */
  async undrain(): Promise<boolean> {
    if (this.isDisabled && this.#state === ProcessState.stopping) {
      throw new GatewayWorkerError('GW_ERR_PHASE', `${this.label} is still draining`);
    }
    if (this.#state !== ProcessState.drained) return false;
    this.isDisabled = false;
    const timer = setTimeout(() => this.startInBackground(), this.#options.readyTimeoutMs);
    try {
      await this.start();
      return true;
    } catch (error) {
      this.disable();
      this.#state = ProcessState.drained;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Kills the process. */
  kill(): void {
    this.disable();
    const children = this.#children();
    this.#state = children.length === 0 ? ProcessState.stopped : ProcessState.stopping;
    for (const child of children) child.kill();
  }

  /** Has the process reopen its log file. */
  reopenLog(): void {
    for (const child of this.#children()) child.reopenLog();
  }

  /** Detaches from the processes; they keep running, and the next master attaches to them. */
  async detach(timeoutMs: number): Promise<void> {
    this.disable();
    await Promise.allSettled(this.#children().map((child) => child.detach(timeoutMs)));
  }

  /** Requests the clients of the process; none when there is no process. See `RunningChild.connections`. */
  async connections(timeoutMs: number, onPage: OnConnections): Promise<void> {
    await this.#child?.connections(timeoutMs, onPage);
  }

  /** Requests the figures of the process, of its successor and of its predecessors. */
  status(timeoutMs: number): Promise<ProcessStatus[]> {
    const { role, name } = this.declaration;
    const figures = { restarts: this.#restarts, exits: this.#exits };
    const facts = { role, name, id: this.id, listen: this.#listen, state: this.#state, ...figures };
    const successor = this.#successor?.child;
    const slot = { current: this.#child, successor, stopping: this.#stopping };
    return describeSlot(slot, facts, timeoutMs);
  }

  /** Checks whether the process answers and is ready; its successor and predecessors do not count. */
  health(timeouts: HealthTimeouts): Promise<ProcessHealth> {
    const snapshot = () => ({ child: this.#child, state: this.#state });
    return checkHealth(this.declaration, this.id, snapshot, timeouts);
  }

  #children(): RunningChild[] {
    const successors = this.#successor === undefined ? [] : [this.#successor.child];
    return [...this.current, ...successors, ...this.#stopping];
  }

  async #stopAll(options: StopOptions): Promise<boolean> {
    this.disable();
    const children = this.#children();
    if (children.length > 0) this.#state = ProcessState.stopping;
    const killed = await Promise.all(children.map((child) => child.stop(options)));
    return killed.includes(true);
  }

  #launch(): void {
    this.#state = ProcessState.starting;
    try {
      this.#child = this.#spawn([]);
    } catch (error) {
      this.#onEnd(undefined, launchFailure(error));
    }
  }

  /** @param predecessors - may have the listening sockets, like the processes in the other slots */
  #spawn(predecessors: readonly RunningChild[], isHandover = false): RunningChild {
    const siblings = [...predecessors, ...this.#options.siblings()];
    const [predecessor] = isHandover ? predecessors : [];
    const { launch, launchSuccessor } = this.#options;
    const child = this.watch(predecessor ? launchSuccessor(predecessor) : launch(siblings));
    child.attach().catch((error: unknown) => this.#logger.error(error, 'cannot attach'));
    return child;
  }

  /** Creates the connection to a process. `attach` puts a process of an earlier master into the slot. */
  watch(source: ProcessSource): RunningChild {
    const events: ChildEvents = {
      onReady: (report) => this.#onReady(child, report),
      onTerminate: () => this.#onTerminate(child),
      onEnd: (end) => this.#onEnd(child, end),
    };
    const { onMasterExit } = this.#options;
    const child = new RunningChild(source, events, { logger: this.#logger, onMasterExit });
    return child;
  }

  /** Replaces an outdated process. Gateways and registers end first: the new process may need their inner port. */
  async #replaceOutdated(): Promise<void> {
    this.#isOutdated = false;
    const { stopTimeoutMs, readyTimeoutMs } = this.#options;
    const { role } = this.declaration;
    const predecessor = this.#child;
    if (predecessor === undefined || (role !== Role.register && role !== Role.gateway)) {
      const stop = gracefulStop(stopTimeoutMs);
      await (await this.replace({ readyTimeoutMs, stop })).wasKilled;
      return;
    }
    this.#child = undefined;
    this.#stopping.add(predecessor);
    await predecessor.stop(gracefulStop(stopTimeoutMs));
    await this.start();
  }

  #onReady(child: RunningChild, report: ChildReport): void {
    if (this.#successor?.child === child) {
      // While the cluster stops, the successor stops too.
      if (!this.isDisabled) this.#successor.onReady(report);
      return;
    }
    if (child !== this.#child || this.#state !== ProcessState.starting) return;
    this.#state = ProcessState.ready;
    this.#listen = report.listen || this.#listen;
    const afterMs = Math.round(child.livedMs);
    if (this.#restarts === 0) this.#logger.debug({ afterMs }, 'ready');
    else this.#logger.info({ afterMs, restarts: this.#restarts }, 'ready again');
    this.startInBackground();
  }

  /** Puts a ready successor into the slot, and stops the predecessor. */
  #takeOver(child: RunningChild, report: ChildReport, stop: StopOptions): Replacement {
    const predecessor = this.#child;
    this.#successor = undefined;
    this.#child = child;
    this.#state = ProcessState.ready;
    this.#listen = report.listen || this.#listen;
    if (predecessor !== undefined) this.#stopping.add(predecessor);
    const oldPid = predecessor?.pid ?? null;
    const newPid = child.pid ?? 0;
    const afterMs = Math.round(child.livedMs);
    this.#logger.info({ oldPid, newPid, afterMs }, 'replaced');
    const wasKilled = predecessor?.stop(stop) ?? Promise.resolve(false);
    return { oldPid, newPid, afterMs, wasKilled };
  }

  #onTerminate(child: RunningChild): void {
    setTimeout(() => {
      if (this.isDisabled) return;
      if (child === this.#child) this.#state = ProcessState.stopping;
      void child.stop(gracefulStop(this.#options.stopTimeoutMs));
    }, GROUP_SIGNAL_MS);
  }

  #onEnd(child: RunningChild | undefined, end: ChildExit): void {
    if (child !== undefined && this.#stopping.delete(child)) return;
    const successor = this.#successor;
    if (child !== undefined && successor?.child === child) {
      this.#onSuccessorEnd(successor, end);
      return;
    }
    // This process of an earlier master was not kept.
    if (child !== undefined && child !== this.#child) return;
    this.#child = undefined;
    if (this.isDisabled) {
      this.#failFirstStart(stoppedBeforeReady());
      return;
    }
    this.#exits.add(end);
    if (this.#firstStart !== undefined) {
      this.#state = ProcessState.stopped;
      this.#failFirstStart(new ProcessFailedError(this.declaration, this.id, end));
      return;
    }
    if (successor === undefined) {
      this.#restart(end, child?.livedMs ?? 0);
      return;
    }
    this.#state = ProcessState.starting;
    this.#restarts += 1;
    this.#logEnd(end, 'its successor is starting');
  }

  #onSuccessorEnd(successor: Successor, end: ChildExit): void {
    this.#successor = undefined;
    successor.onEnd(end);
    // The slot is empty: the predecessor was down, or has ended since.
    if (this.#child === undefined && !this.isDisabled) this.#restart(end, successor.child.livedMs);
  }

  #notReplaced(end: ChildExit): Error {
    if (this.isDisabled) return stoppedBeforeReady();
    return new ProcessFailedError(this.declaration, this.id, end, 'was not replaced');
  }

  #failFirstStart(error: Error): void {
    this.#firstStart?.reject(error);
    this.#firstStart = undefined;
  }

  #restart(end: ChildExit, livedMs: number): void {
    const delayMs = this.#policy.nextDelayMs(livedMs);
    this.#restarts += 1;
    this.#logEnd(end, `restarting ${delayMs === 0 ? 'now' : `in ${delayMs} ms`}`);
    this.#launchAfter(delayMs);
  }

  #launchAfter(delayMs: number): void {
    if (delayMs === 0) {
      this.#launch();
      return;
    }
    this.#state = ProcessState.waiting;
    this.#restartTimer = setTimeout(() => this.#launch(), delayMs);
  }

  #logEnd(end: ChildExit, consequence: string): void {
    const process = `${this.name}#${this.id}`;
    logEnd(this.#logger, end, { process, restarts: this.#restarts, consequence });
  }
}
