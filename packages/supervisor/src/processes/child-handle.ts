import { GatewayWorkerError, type Logger, type StopOptions } from '@gatewayworker/core';
import type { ChildExit, ChildIdentity, ChildReport } from '../control/child-protocol.ts';
import { describeProcess, type ProcessDeclaration, Role } from '../process-declaration.ts';
import { checkHealth, type HealthTimes } from '../report/child-health.ts';
import { describePlace, ExitRecord } from '../report/child-status.ts';
import type { ProcessHealth } from '../report/health-report.ts';
import { ProcessState, type ProcessStatus } from '../report/status-report.ts';
import { chooseProcess, isStarting } from './child-choice.ts';
import type { ChildHandleOptions } from './child-handle-options.ts';
import {
  couldNotBeMade,
  describeLateness,
  type FirstStart,
  type Replacement,
  type ReplaceOptions,
  type Successor,
  stoppedMeanwhile,
} from './child-replacement.ts';
import { GROUP_SIGNAL_MS, gracefulStop } from './child-stop.ts';
import { logEnd, ProcessFailedError } from './process-failed-error.ts';
import type { ProcessSource } from './process-source.ts';
import { RestartPolicy } from './restart-policy.ts';
import { type ChildEvents, type OnConnections, RunningChild } from './running-child.ts';

/** Keeps one process of a declaration running: the first start, restarts and successors with the same id, and the end. */
export class ChildHandle {
  readonly declaration: ProcessDeclaration;
  readonly id: number;
  readonly #options: ChildHandleOptions;
  readonly #logger: Logger;
  readonly #policy = new RestartPolicy();
  #state: ProcessState = ProcessState.stopped;
  #child: RunningChild | undefined;
  #successor: Successor | undefined;
  /** Predecessors that finish what they have. */
  readonly #leaving = new Set<RunningChild>();
  /** Set until the process was ready, or was left to start in its own time. */
  #firstStart: FirstStart | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #restarts = 0;
  readonly #exits = new ExitRecord();
  #listen: string;
  /** True once the process is not to run any more: it is stopped or drained. */
  isDown = false;
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

  /** What the process listens on as far as it is known. */
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

  /** The process of this place, without a successor or predecessors; empty when there is none. */
  get current(): readonly RunningChild[] {
    return this.#child === undefined ? [] : [this.#child];
  }

  /** Attaches to the processes that an earlier master has left in this place, and keeps one of them; `isCurrent` compares it with the start file. */
  attach(children: readonly RunningChild[], isCurrent: (identity: ChildIdentity) => boolean): void {
    const { kept, leaving, surplus } = chooseProcess(children);
    for (const child of [...leaving, ...surplus]) this.#leaving.add(child);
    for (const child of surplus) void child.stop(gracefulStop(this.#options.stopTimeoutMs));
    if (kept === undefined) return;
    this.#child = kept;
    this.#listen = kept.readyReport?.listen || this.#listen;
    this.#state = isStarting(kept) ? ProcessState.starting : ProcessState.ready;
    this.#isOutdated = kept.identity !== undefined && !isCurrent(kept.identity);
    this.#logger.info({ oldPid: kept.pid, isOutdated: this.#isOutdated }, 'attached');
  }

  /**
   * Starts the process unless one runs as declared; resolves once it is ready, or `keepTrying` is called.
   *
   * @throws {GW_ERR_PROCESS_FAILED} when it ends before; nothing is started again
   */
  async start(): Promise<void> {
    if (this.#isOutdated) return await this.#startAnother();
    if (this.#state === ProcessState.ready) return;
    await new Promise<void>((resolve, reject) => {
      this.#firstStart = { resolve, reject };
      if (this.#child === undefined) this.#launch();
    });
  }

  /** Starts the process again after its first start has failed, with pauses. */
  startAgain(): void {
    if (this.#child === undefined && !this.isDown) this.#launchAfter(this.#policy.nextDelayMs(0));
  }

  /** Waits no longer for a process that is slow to start: from now on it is restarted indefinitely. */
  keepTrying(): void {
    this.#firstStart?.resolve();
    this.#firstStart = undefined;
  }

  /**
   * Starts a successor of the process, which leaves once the successor is ready. If it never is, the
   * process goes on as if nothing had been tried.
   *
   * @throws {GW_ERR_PROCESS_FAILED} when the successor ends before, or takes longer
   * @throws {GW_ERR_PHASE} when the process is stopped
   */
  async replace({ readyTimeoutMs, stop, isHandover }: ReplaceOptions): Promise<Replacement> {
    if (this.isDown) throw stoppedMeanwhile();
    clearTimeout(this.#restartTimer);
    let child: RunningChild;
    try {
      child = this.#spawn(this.current, isHandover);
    } catch (error) {
      throw this.#notReplaced(couldNotBeMade(error));
    }
    let lateness: Pick<ChildExit, 'failure'> = {};
    const timer = setTimeout(async () => {
      lateness = await describeLateness(child, readyTimeoutMs);
      if (this.#successor?.child === child) child.kill();
    }, readyTimeoutMs);
    return await new Promise<Replacement>((resolve, reject) => {
      this.#successor = {
        child,
        onReady: (report) => resolve(this.#takeOver(child, report, stop)),
        onEnd: (end) => reject(this.#notReplaced({ ...end, ...lateness })),
      };
    }).finally(() => clearTimeout(timer));
  }

  /** Leaves the process as it is, but does not start it again when it ends. */
  keepDown(): void {
    this.isDown = true;
    clearTimeout(this.#restartTimer);
  }

  /** Ends the process: asks it to, and kills it when it is not gone in its time. */
  async stop(options: StopOptions): Promise<void> {
    await this.#stopAll(options);
    this.#state = ProcessState.stopped;
  }

  /** Ends the process as `stop` does, to stay away while the others go on; answers whether it had to be killed. */
  async drain(options: StopOptions): Promise<boolean> {
    const wasKilled = await this.#stopAll(options);
    this.#state = ProcessState.drained;
    return wasKilled;
  }

  /**
   * Starts the process again after a drain; resolves once it is ready, or is taking too long.
   *
   * @returns false when it had not drained, and is left as it is
   * @throws {GW_ERR_PHASE} while it drains
   * @throws {GW_ERR_PROCESS_FAILED} when it ends before it was ready, and stays down
   */
  async undrain(): Promise<boolean> {
    if (this.isDown && this.#state === ProcessState.stopping) {
      throw new GatewayWorkerError('GW_ERR_PHASE', `${this.label} is still draining`);
    }
    if (this.#state !== ProcessState.drained) return false;
    this.isDown = false;
    const timer = setTimeout(() => this.keepTrying(), this.#options.readyTimeoutMs);
    try {
      await this.start();
      return true;
    } catch (error) {
      this.keepDown();
      this.#state = ProcessState.drained;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process at once, whatever it is doing. */
  kill(): void {
    this.keepDown();
    const children = this.#children();
    this.#state = children.length === 0 ? ProcessState.stopped : ProcessState.stopping;
    for (const child of children) child.kill();
  }

  /** Tells the process that its log file was moved away. */
  reopenLog(): void {
    for (const child of this.#children()) child.reopenLog();
  }

  /** Detaches from the processes; they keep running, and the next master attaches to them. */
  async detach(timeoutMs: number): Promise<void> {
    this.keepDown();
    await Promise.allSettled(this.#children().map((child) => child.detach(timeoutMs)));
  }

  /** Asks the process for its clients; none when there is no process. See `RunningChild.connections`. */
  async connections(timeoutMs: number, onPage: OnConnections): Promise<void> {
    await this.#child?.connections(timeoutMs, onPage);
  }

  /** Asks for the figures of the process, and of those that come and go for it. */
  status(timeoutMs: number): Promise<ProcessStatus[]> {
    const { role, name } = this.declaration;
    const figures = { restarts: this.#restarts, exits: this.#exits };
    const facts = { role, name, id: this.id, listen: this.#listen, state: this.#state, ...figures };
    const coming = this.#successor?.child;
    const place = { current: this.#child, coming, leaving: this.#leaving };
    return describePlace(place, facts, timeoutMs);
  }

  /** Asks the process whether it lives and can serve; who comes or goes for it does not count. */
  health(times: HealthTimes): Promise<ProcessHealth> {
    const look = () => ({ child: this.#child, state: this.#state });
    return checkHealth(this.declaration, this.id, look, times);
  }

  #children(): RunningChild[] {
    const coming = this.#successor === undefined ? [] : [this.#successor.child];
    return [...this.current, ...coming, ...this.#leaving];
  }

  async #stopAll(options: StopOptions): Promise<boolean> {
    this.keepDown();
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
      this.#onEnd(undefined, couldNotBeMade(error));
    }
  }

  /** @param predecessors - may have the listening sockets, as the processes of other places may */
  #spawn(predecessors: readonly RunningChild[], isHandover = false): RunningChild {
    const siblings = [...predecessors, ...this.#options.siblings()];
    const [predecessor] = isHandover ? predecessors : [];
    const { launch, succeed } = this.#options;
    const child = this.watch(predecessor ? succeed(predecessor) : launch(siblings));
    child.attach().catch((error: unknown) => this.#logger.error(error, 'cannot attach'));
    return child;
  }

  /** Watches a process. A process of an earlier master gets the place by `attach`. */
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

  /** Gateways and registers end first: their successors may need the same port for inner links. */
  async #startAnother(): Promise<void> {
    this.#isOutdated = false;
    const { stopTimeoutMs, readyTimeoutMs } = this.#options;
    const { role } = this.declaration;
    const predecessor = this.#child;
    if (predecessor === undefined || (role !== Role.register && role !== Role.gateway)) {
      const stop = gracefulStop(stopTimeoutMs);
      await (await this.replace({ readyTimeoutMs, stop })).left;
      return;
    }
    this.#child = undefined;
    this.#leaving.add(predecessor);
    await predecessor.stop(gracefulStop(stopTimeoutMs));
    await this.start();
  }

  #onReady(child: RunningChild, report: ChildReport): void {
    if (this.#successor?.child === child) {
      // The cluster stops, and the successor with it.
      if (!this.isDown) this.#successor.onReady(report);
      return;
    }
    if (child !== this.#child || this.#state !== ProcessState.starting) return;
    this.#state = ProcessState.ready;
    this.#listen = report.listen || this.#listen;
    const afterMs = Math.round(child.livedMs);
    if (this.#restarts === 0) this.#logger.debug({ afterMs }, 'ready');
    else this.#logger.info({ afterMs, restarts: this.#restarts }, 'ready again');
    this.keepTrying();
  }

  /** Puts a successor that is ready into its place, and lets the predecessor go. */
  #takeOver(child: RunningChild, report: ChildReport, stop: StopOptions): Replacement {
    const predecessor = this.#child;
    this.#successor = undefined;
    this.#child = child;
    this.#state = ProcessState.ready;
    this.#listen = report.listen || this.#listen;
    if (predecessor !== undefined) this.#leaving.add(predecessor);
    const oldPid = predecessor?.pid ?? null;
    const newPid = child.pid ?? 0;
    const afterMs = Math.round(child.livedMs);
    this.#logger.info({ oldPid, newPid, afterMs }, 'replaced');
    const left = predecessor?.stop(stop) ?? Promise.resolve(false);
    return { oldPid, newPid, afterMs, left };
  }

  #onTerminate(child: RunningChild): void {
    setTimeout(() => {
      if (this.isDown) return;
      if (child === this.#child) this.#state = ProcessState.stopping;
      void child.stop(gracefulStop(this.#options.stopTimeoutMs));
    }, GROUP_SIGNAL_MS);
  }

  #onEnd(child: RunningChild | undefined, end: ChildExit): void {
    if (child !== undefined && this.#leaving.delete(child)) return;
    const successor = this.#successor;
    if (child !== undefined && successor?.child === child) {
      this.#onSuccessorEnd(successor, end);
      return;
    }
    // A process of an earlier master that was not kept.
    if (child !== undefined && child !== this.#child) return;
    this.#child = undefined;
    if (this.isDown) {
      this.#endFirstStart(stoppedMeanwhile());
      return;
    }
    this.#exits.note(end);
    if (this.#firstStart !== undefined) {
      this.#state = ProcessState.stopped;
      this.#endFirstStart(new ProcessFailedError(this.declaration, this.id, end));
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
    // The place is empty: the predecessor was down or has died since.
    if (this.#child === undefined && !this.isDown) this.#restart(end, successor.child.livedMs);
  }

  #notReplaced(end: ChildExit): Error {
    if (this.isDown) return stoppedMeanwhile();
    return new ProcessFailedError(this.declaration, this.id, end, 'was not replaced');
  }

  #endFirstStart(error: Error): void {
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
