import type { Worker } from 'node:cluster';
import { GatewayWorkerError, type Logger, toWire } from '@gatewayworker/core';
import type { ChildReport } from './child-messages.ts';
import { describeProcess, type ProcessDeclaration } from './process-declaration.ts';
import { describeEnd, ProcessFailedError } from './process-failed-error.ts';
import { RestartPolicy } from './restart-policy.ts';
import { type ChildEnd, RunningChild } from './running-child.ts';
import { type LastExit, ProcessState, type ProcessStatus } from './status-report.ts';

/** What a handle needs from its supervisor. */
export interface ChildHandleOptions {
  readonly declaration: ProcessDeclaration;
  readonly id: number;
  readonly logger: Logger;
  /** Makes the process. */
  readonly fork: () => Worker;
}

// SIGTERM for the whole process group reaches the master within this time too, if it was for the group.
const groupSignalMs = 100;

interface FirstStart {
  resolve(): void;
  reject(error: Error): void;
}

/** Keeps one process of a declaration running: the first start, restarts with the same id, and the end. */
export class ChildHandle {
  readonly declaration: ProcessDeclaration;
  readonly id: number;
  readonly #logger: Logger;
  readonly #fork: () => Worker;
  readonly #policy = new RestartPolicy();
  #state: ProcessState = ProcessState.stopped;
  #child: RunningChild | undefined;
  #startedAt = 0;
  /** Set until the process was ready, or was left to start in its own time. */
  #firstStart: FirstStart | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #restarts = 0;
  #lastExit: LastExit | null = null;
  #listen: string;
  /** Set once the process is not to run any more. */
  #down = false;
  #onStopped: (() => void) | undefined;

  constructor(options: ChildHandleOptions) {
    this.declaration = options.declaration;
    this.id = options.id;
    this.#fork = options.fork;
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

  /**
   * Starts the process; resolves once it is ready, or once `keepTrying` is called.
   *
   * @throws {GW_ERR_PROCESS_FAILED} when it ends before; it is not started again then
   */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#firstStart = { resolve, reject };
      this.#launch();
    });
  }

  /** Leaves a process that is slow to start to itself: from now on it is restarted for ever. */
  keepTrying(): void {
    this.#firstStart?.resolve();
    this.#firstStart = undefined;
  }

  /** Leaves the process as it is, but does not start it again when it ends. */
  keepDown(): void {
    this.#down = true;
    clearTimeout(this.#restartTimer);
  }

  /** Ends the process: asks it to, and kills it when it is not gone within `timeoutMs`. */
  stop(timeoutMs: number): Promise<void> {
    this.keepDown();
    const child = this.#child;
    if (child === undefined) {
      this.#state = ProcessState.stopped;
      return Promise.resolve();
    }
    this.#state = ProcessState.stopping;
    child.requestStop();
    const killTimer = setTimeout(() => {
      this.#logger.warn(`killed: it did not stop within ${timeoutMs} ms`);
      child.kill();
    }, timeoutMs);
    return new Promise((resolve) => {
      this.#onStopped = () => {
        clearTimeout(killTimer);
        resolve();
      };
    });
  }

  /** Ends the process at once, whatever it is doing. */
  kill(): void {
    this.keepDown();
    this.#state = this.#child === undefined ? ProcessState.stopped : ProcessState.stopping;
    this.#child?.kill();
  }

  /** Asks the process for its figures; one that does not answer in time is shown as busy. */
  async status(timeoutMs: number): Promise<ProcessStatus> {
    const report = await this.#child?.report(timeoutMs);
    return {
      pid: this.#child?.pid ?? null,
      role: this.declaration.role,
      name: this.declaration.name,
      id: this.id,
      state: this.#reportedState(report),
      listen: report?.listen || this.#listen,
      memory: report?.memory ?? null,
      connections: report?.connections ?? null,
      inFlight: report?.inFlight ?? null,
      sent: report?.sent ?? null,
      received: report?.received ?? null,
      failedSends: report?.failedSends ?? null,
      requests: report?.requests ?? null,
      limits: report?.limits ?? null,
      qps: report?.qps ?? null,
      eventLoopLagMs: report?.eventLoopLagMs ?? null,
      uptimeSeconds: this.#child === undefined ? null : this.#livedMs() / 1_000,
      restarts: this.#restarts,
      lastExit: this.#lastExit,
    };
  }

  #launch(): void {
    this.#state = ProcessState.starting;
    this.#startedAt = performance.now();
    try {
      this.#child = new RunningChild(this.#fork(), {
        onReady: (report) => this.#onReady(report),
        onTerminate: () => this.#onTerminate(),
        onEnd: (end) => this.#onEnd(end),
      });
    } catch (error) {
      this.#onEnd({ code: null, signal: null, failure: { error: toWire(error) } });
    }
  }

  #onReady(report: ChildReport): void {
    if (this.#state !== ProcessState.starting) return;
    this.#state = ProcessState.ready;
    this.#listen = report.listen || this.#listen;
    const afterMs = Math.round(performance.now() - this.#startedAt);
    if (this.#restarts === 0) this.#logger.debug({ afterMs }, 'ready');
    else this.#logger.info({ afterMs, restarts: this.#restarts }, 'ready again');
    this.keepTrying();
  }

  #onTerminate(): void {
    const child = this.#child;
    setTimeout(() => {
      if (!this.#down) child?.requestStop();
    }, groupSignalMs);
  }

  #onEnd(end: ChildEnd): void {
    this.#child = undefined;
    if (this.#down) {
      this.#endFirstStart(new GatewayWorkerError('GW_ERR_PHASE', 'stopped before it was ready'));
      this.#state = ProcessState.stopped;
      this.#onStopped?.();
      return;
    }
    this.#lastExit = { code: end.code, signal: end.signal };
    if (this.#firstStart !== undefined) {
      this.#state = ProcessState.stopped;
      this.#endFirstStart(new ProcessFailedError(this.declaration, this.id, end));
      return;
    }
    this.#restart(end);
  }

  #endFirstStart(error: Error): void {
    this.#firstStart?.reject(error);
    this.#firstStart = undefined;
  }

  #restart(end: ChildEnd): void {
    const delayMs = this.#policy.nextDelayMs(this.#livedMs());
    this.#restarts += 1;
    const when = delayMs === 0 ? 'at once' : `in ${delayMs} ms`;
    const stack = end.failure?.stack;
    const details = { exitCode: end.code, signal: end.signal, restarts: this.#restarts, stack };
    this.#logger.error(details, `${describeEnd(end)}; it is started again ${when}`);
    if (delayMs === 0) {
      this.#launch();
      return;
    }
    this.#state = ProcessState.waiting;
    this.#restartTimer = setTimeout(() => this.#launch(), delayMs);
  }

  #livedMs(): number {
    return performance.now() - this.#startedAt;
  }

  #reportedState(report: ChildReport | undefined): ProcessState {
    if (this.#state !== ProcessState.ready) return this.#state;
    if (report === undefined) return ProcessState.busy;
    return report.ready ? ProcessState.ready : ProcessState.unready;
  }
}
