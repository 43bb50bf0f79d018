import type { Worker } from 'node:cluster';
import {
  type ConnectionStatus,
  GatewayWorkerError,
  type Logger,
  type StopOptions,
} from '@gatewayworker/core';
import { checkHealth, type HealthTimes } from './child-health.ts';
import type { ChildReport } from './child-messages.ts';
import {
  couldNotBeMade,
  describeLateness,
  type Replacement,
  stoppedMeanwhile,
} from './child-replacement.ts';
import { describeChild, ExitRecord } from './child-status.ts';
import { groupSignalMs } from './child-stop.ts';
import type { ProcessHealth } from './health-report.ts';
import { describeProcess, type ProcessDeclaration } from './process-declaration.ts';
import { describeEnd, ProcessFailedError } from './process-failed-error.ts';
import { RestartPolicy } from './restart-policy.ts';
import { type ChildEnd, RunningChild } from './running-child.ts';
import { ProcessState, type ProcessStatus } from './status-report.ts';

/** What a handle needs from its supervisor. */
export interface ChildHandleOptions {
  readonly declaration: ProcessDeclaration;
  readonly id: number;
  readonly logger: Logger;
  /** Time that a process has which somebody else asks to end. */
  readonly stopTimeoutMs: number;
  /** Time in which a process is expected to be ready. */
  readonly readyTimeoutMs: number;
  /** Makes the process. */
  readonly fork: () => Worker;
  /** Gets what the process prints on its error output. */
  readonly printError: (text: string) => void;
  /** Called before the process listens for clients; resolves once nobody of before has their port. */
  readonly freePort: () => Promise<void>;
  /** A process has become ready in this place. */
  readonly onReady: () => void;
  /** The process has ended before it was ever ready, and is started again. */
  readonly onFailedStart: () => void;
}

interface FirstStart {
  resolve(): void;
  reject(error: Error): void;
  readonly mayFail: boolean;
}

/** A process that is to take the place of another one once it is ready. */
interface Successor {
  readonly child: RunningChild;
  onReady(report: ChildReport): void;
  onEnd(end: ChildEnd): void;
}

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
  /** Set once the process is not to run any more. */
  #down = false;

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

  /** Name of the declaration. */
  get name(): string {
    return this.declaration.name;
  }

  /** Name and number as tables show them, such as `chat-worker #0`. */
  get label(): string {
    return `${this.declaration.name} #${this.id}`;
  }

  /**
   * Starts the process; resolves once it is ready, or once `keepTrying` is called.
   *
   * @param mayFail - whether it is started again when it ends before
   * @throws {GW_ERR_PROCESS_FAILED} when it ends before and is not started again
   */
  start(mayFail: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#firstStart = { resolve, reject, mayFail };
      this.#launch();
    });
  }

  /** Resolves once the process has loaded its code, or is gone. */
  async loaded(): Promise<void> {
    await this.#child?.loaded;
  }

  /** Leaves a process that is slow to start to itself: from now on it is restarted for ever. */
  keepTrying(): void {
    this.#firstStart?.resolve();
    this.#firstStart = undefined;
  }

  /**
   * Starts a successor of the process, which leaves once the successor is ready. If it never is, the
   * process goes on as if nothing had been tried.
   *
   * @param readyTimeoutMs - time that the successor has
   * @param stop - how the predecessor ends
   * @throws {GW_ERR_PROCESS_FAILED} when the successor ends before, or takes longer
   * @throws {GW_ERR_PHASE} when the process is stopped
   */
  async replace(readyTimeoutMs: number, stop: StopOptions): Promise<Replacement> {
    if (this.#down) throw stoppedMeanwhile();
    clearTimeout(this.#restartTimer);
    let child: RunningChild;
    try {
      child = this.#spawn();
    } catch (error) {
      throw this.#notReplaced(couldNotBeMade(error));
    }
    let lateness: Pick<ChildEnd, 'failure'> = {};
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
    this.#down = true;
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
    if (this.#down && this.#state === ProcessState.stopping) {
      throw new GatewayWorkerError('GW_ERR_PHASE', `${this.label} is still draining`);
    }
    if (this.#state !== ProcessState.drained) return false;
    this.#down = false;
    const timer = setTimeout(() => this.keepTrying(), this.#options.readyTimeoutMs);
    try {
      await this.start(false);
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

  /** Asks the process for its clients; none when there is no process. See `RunningChild.connections`. */
  async *connections(
    timeoutMs: number,
  ): AsyncGenerator<{ pid: number; connections: readonly ConnectionStatus[] }> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    for await (const connections of child.connections(timeoutMs)) {
      yield { pid: child.pid, connections };
    }
  }

  /** Asks for the figures of the process, and of those that come and go for it. */
  status(timeoutMs: number): Promise<ProcessStatus[]> {
    const { role, name } = this.declaration;
    const facts = { role, name, id: this.id, listen: this.#listen, restarts: this.#restarts };
    const describe = (child: RunningChild | undefined, state: ProcessState) =>
      describeChild(child, { ...facts, state, exits: this.#exits }, timeoutMs);
    const coming = this.#successor?.child;
    const rows = [...this.#leaving].map((child) => describe(child, ProcessState.stopping));
    if (coming !== undefined) rows.unshift(describe(coming, ProcessState.starting));
    if (coming === undefined || this.#child !== undefined) {
      rows.unshift(describe(this.#child, this.#state));
    }
    return Promise.all(rows);
  }

  /** Asks the process whether it lives and can serve; who comes or goes for it does not count. */
  health(times: HealthTimes): Promise<ProcessHealth> {
    const look = () => ({ child: this.#child, state: this.#state });
    return checkHealth(this.declaration, this.id, look, times);
  }

  #children(): RunningChild[] {
    const current = this.#child === undefined ? [] : [this.#child];
    const coming = this.#successor === undefined ? [] : [this.#successor.child];
    return [...current, ...coming, ...this.#leaving];
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
      this.#child = this.#spawn();
    } catch (error) {
      this.#onEnd(undefined, couldNotBeMade(error));
    }
  }

  #spawn(): RunningChild {
    const child: RunningChild = new RunningChild(
      this.#options.fork(),
      {
        onPortClaimed: this.#options.freePort,
        onReady: (report) => this.#onReady(child, report),
        onTerminate: () => this.#onTerminate(child),
        onEnd: (end) => this.#onEnd(child, end),
      },
      { logger: this.#logger, printError: this.#options.printError },
    );
    return child;
  }

  #onReady(child: RunningChild, report: ChildReport): void {
    if (this.#successor?.child === child) {
      // The end has begun meanwhile: it is told to stop itself.
      if (!this.#down) this.#successor.onReady(report);
      return;
    }
    if (child !== this.#child || this.#state !== ProcessState.starting) return;
    this.#state = ProcessState.ready;
    this.#listen = report.listen || this.#listen;
    const afterMs = Math.round(child.livedMs);
    if (this.#restarts === 0) this.#logger.debug({ afterMs }, 'ready');
    else this.#logger.info({ afterMs, restarts: this.#restarts }, 'ready again');
    this.keepTrying();
    this.#options.onReady();
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
    this.#options.onReady();
    const left = predecessor?.stop(stop) ?? Promise.resolve(false);
    return { oldPid, newPid, afterMs, left };
  }

  #onTerminate(child: RunningChild): void {
    setTimeout(() => {
      if (this.#down) return;
      if (child === this.#child) this.#state = ProcessState.stopping;
      void child.stop({ isGraceful: true, timeoutMs: this.#options.stopTimeoutMs, drainMs: 0 });
    }, groupSignalMs);
  }

  #onEnd(child: RunningChild | undefined, end: ChildEnd): void {
    if (child !== undefined && this.#leaving.delete(child)) return;
    const successor = this.#successor;
    if (child !== undefined && successor?.child === child) {
      this.#onSuccessorEnd(successor, end);
      return;
    }
    this.#child = undefined;
    if (this.#down) {
      this.#endFirstStart(stoppedMeanwhile());
      return;
    }
    this.#exits.note(end);
    if (this.#firstStart?.mayFail === true) this.#options.onFailedStart();
    else if (this.#firstStart !== undefined) {
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

  #onSuccessorEnd(successor: Successor, end: ChildEnd): void {
    this.#successor = undefined;
    successor.onEnd(end);
    // Nobody is left in its place, since its predecessor was down or has died meanwhile.
    if (this.#child === undefined && !this.#down) this.#restart(end, successor.child.livedMs);
  }

  #notReplaced(end: ChildEnd): Error {
    if (this.#down) return stoppedMeanwhile();
    return new ProcessFailedError(this.declaration, this.id, end, 'was not replaced');
  }

  #endFirstStart(error: Error): void {
    this.#firstStart?.reject(error);
    this.#firstStart = undefined;
  }

  #restart(end: ChildEnd, livedMs: number): void {
    const delayMs = this.#policy.nextDelayMs(livedMs);
    this.#restarts += 1;
    this.#logEnd(end, `restarting ${delayMs === 0 ? 'now' : `in ${delayMs} ms`}`);
    if (delayMs === 0) {
      this.#launch();
      return;
    }
    this.#state = ProcessState.waiting;
    this.#restartTimer = setTimeout(() => this.#launch(), delayMs);
  }

  #logEnd(end: ChildEnd, consequence: string): void {
    const { code, signal, failure } = end;
    const output = failure === undefined ? end.output : undefined;
    const details = { exitCode: code, signal, restarts: this.#restarts, stack: failure?.stack };
    this.#logger.error(
      { ...details, output },
      `${this.name}#${this.id} ${describeEnd(end)}; ${consequence}`,
    );
  }
}
