import type { Worker } from 'node:cluster';
import inspector from 'node:inspector';
import {
  type ConnectionStatus,
  GatewayWorkerError,
  type Logger,
  type StopOptions,
  toError,
  toWire,
} from '@gatewayworker/core';
import {
  type ChildFailure,
  type ChildMessage,
  type ChildReport,
  type ConnectionPage,
  type MasterMessage,
  parseChildMessage,
} from './child-messages.ts';
import { ChildOutput } from './child-output.ts';
import { inspectStack } from './stack-inspector.ts';

/** How a process ended. */
export interface ChildEnd {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** What it said before it ended, if it did. */
  readonly failure?: ChildFailure;
  /** The last of what it printed on its error output; absent when that was nothing. */
  readonly output?: string;
}

/** What happens to a child. */
export interface ChildEvents {
  /** Its runtime does its work. */
  onReady(report: ChildReport): void;
  /** Somebody sent it SIGTERM; it goes on until it is told to stop. */
  onTerminate(): void;
  /** The process is gone and everything it sent has been read. */
  onEnd(end: ChildEnd): void;
}

/** What the master does with what children say. */
export interface ChildSurroundings {
  readonly logger: Logger;
  /** Gets what a child prints on its error output. */
  readonly printError: (text: string) => void;
}

// The channel of a dead process closes with it. Only a descriptor that a native module leaked into
// some grandchild keeps it open, and then the child must still be started again.
const channelGraceMs = 500;
/** A child keeps its own deadline, and so has time to log what it did not finish. */
const killMarginMs = 250;
const stackTimeoutMs = 1_000;
/** A child that answers within this time hangs in no loop. */
const aliveTimeoutMs = 200;

/** One living process, from the master's side. */
export class RunningChild {
  /** On the clock of `performance.now()`. */
  readonly startedAt: number = performance.now();
  readonly #worker: Worker;
  readonly #events: ChildEvents;
  readonly #logger: Logger;
  readonly #output: ChildOutput;
  readonly #ended: Promise<void>;
  readonly #reports = new Map<number, (report: ChildReport) => void>();
  readonly #pages = new Map<number, (page: ConnectionPage) => void>();
  #stack: Promise<string | undefined> | undefined;
  #lastRequest = 0;
  #failure: ChildFailure | undefined;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  #isOutputRead = false;
  #hasEnded = false;
  #wasKilled = false;
  #onEnded: () => void = () => {};

  /** @param worker - just forked, so that no event is missed */
  constructor(worker: Worker, events: ChildEvents, { logger, printError }: ChildSurroundings) {
    this.#worker = worker;
    this.#events = events;
    this.#logger = logger;
    this.#output = new ChildOutput(worker.process.stderr, printError);
    this.#ended = new Promise((resolve) => {
      this.#onEnded = resolve;
    });
    worker.on('message', (message: unknown) => this.#receive(parseChildMessage(message)));
    worker.on('error', (error: Error) => this.#onError(error));
    worker.once('disconnect', () => this.#endIfGone());
    worker.once('exit', (code: number | null, signal: string | null) => {
      this.#exit = { code: signal === null ? code : null, signal };
      this.#endIfGone();
      setTimeout(() => this.#end(), channelGraceMs).unref();
    });
    void this.#output.ended.then(() => {
      this.#isOutputRead = true;
      this.#endIfGone();
    });
  }

  /** `undefined` when the system could not make the process. */
  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  /** Milliseconds since it was made. */
  get livedMs(): number {
    return performance.now() - this.startedAt;
  }

  /**
   * Asks the child to stop, and kills it when it is not gone in the time that it has.
   *
   * @returns whether it had to be killed, once it is gone
   */
  async stop(options: StopOptions): Promise<boolean> {
    const { timeoutMs, drainMs } = options;
    this.#send({ type: 'gatewayworker:stop', ...options });
    const kill = () => void this.#killLate(timeoutMs + drainMs);
    const timer = setTimeout(kill, timeoutMs + drainMs + killMarginMs);
    await this.#ended;
    clearTimeout(timer);
    return this.#wasKilled;
  }

  /** Ends the child at once. */
  kill(): void {
    this.#worker.process.kill('SIGKILL');
  }

  /** Tells the child that its log file was moved away. */
  reopenLog(): void {
    this.#send({ type: 'gatewayworker:reopenLog' });
  }

  /** Resolves with the child's report, or with `undefined` when it has not answered in time. */
  report(timeoutMs: number): Promise<ChildReport | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(undefined), timeoutMs);
      const settle = (report: ChildReport | undefined) => {
        clearTimeout(timer);
        this.#reports.delete(request);
        resolve(report);
      };
      const request = this.#requestReport(settle);
    });
  }

  /**
   * Asks the child for its clients, page by page, each when the one before has been taken.
   *
   * @param timeoutMs - time for each page
   * @throws {GW_ERR_QUERY_TIMEOUT} when a page does not come in time
   */
  async *connections(timeoutMs: number): AsyncGenerator<readonly ConnectionStatus[]> {
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    try {
      for (let isLast = false; !isLast; ) {
        const page = await this.#requestPage(request, timeoutMs);
        yield page.connections;
        isLast = page.isLast;
      }
    } finally {
      this.#pages.delete(request);
      this.#send({ type: 'gatewayworker:forget', request });
    }
  }

  /** Reads what its JavaScript is doing, in a second at most; `undefined` when Node.js cannot tell. */
  stack(): Promise<string | undefined> {
    this.#stack ??= this.#readStack().finally(() => {
      this.#stack = undefined;
    });
    return this.#stack;
  }

  async #readStack(): Promise<string | undefined> {
    const { pid } = this;
    // Where the master is debugged its children are too, by somebody who must not be disturbed.
    if (pid === undefined || this.#exit !== undefined || inspector.url() !== undefined) return;
    const signal = AbortSignal.timeout(stackTimeoutMs);
    const announced = this.#output.awaitInspector(signal);
    // Node.js opens its inspector from a thread of its own, whatever the main one is doing.
    process.kill(pid, 'SIGUSR1');
    const url = await announced;
    const stack = url === undefined ? undefined : await inspectStack(url, signal);
    if (stack === undefined) this.#send({ type: 'gatewayworker:closeInspector' });
    return stack === '' ? undefined : stack;
  }

  async #killLate(timeMs: number): Promise<void> {
    const isAlive = (await this.report(aliveTimeoutMs)) !== undefined;
    const stack = isAlive ? undefined : await this.stack();
    if (this.#exit !== undefined) return;
    this.#wasKilled = true;
    this.#logger.warn({ stack }, `killed: it did not stop within ${timeMs} ms`);
    this.kill();
  }

  #requestReport(onReport: (report: ChildReport) => void): number {
    this.#lastRequest += 1;
    this.#reports.set(this.#lastRequest, onReport);
    this.#send({ type: 'gatewayworker:report', request: this.#lastRequest });
    return this.#lastRequest;
  }

  #requestPage(request: number, timeoutMs: number): Promise<ConnectionPage> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const late = `it has not answered within ${timeoutMs} ms`;
        reject(new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT', late));
      }, timeoutMs);
      this.#pages.set(request, (page) => {
        clearTimeout(timer);
        resolve(page);
      });
      this.#send({ type: 'gatewayworker:connections', request });
    });
  }

  #receive(message: ChildMessage | undefined): void {
    switch (message?.type) {
      case undefined:
        return;
      case 'gatewayworker:started':
        this.#confirmStart();
        return;
      case 'gatewayworker:terminated':
        this.#events.onTerminate();
        return;
      case 'gatewayworker:failed':
        this.#failure = message.failure;
        return;
      case 'gatewayworker:report':
        this.#reports.get(message.request)?.(message.report);
        this.#reports.delete(message.request);
        return;
      case 'gatewayworker:connections':
        this.#pages.get(message.request)?.(message.page);
        return;
      default:
        message satisfies never;
    }
  }

  /**
   * Takes a child for ready only after one more question and answer.
   *
   * A user's worker often calls `listen()` without waiting for it. The request for the socket came
   * here before the word "started", and its outcome goes back before this question: a port that is
   * taken ends the child before it can answer, and so fails the start instead of a restart later.
   */
  #confirmStart(): void {
    setImmediate(() =>
      this.#requestReport((report) => {
        if (this.#failure === undefined) this.#events.onReady(report);
      }),
    );
  }

  #send(message: MasterMessage): void {
    // A child that is about to end is noticed by its end; there is nothing else to do here.
    if (this.#worker.isConnected()) this.#worker.send(message, () => {});
  }

  #onError(error: Error): void {
    if (this.pid !== undefined) return;
    // The system refused to make the process: no exit event follows.
    this.#failure = { error: toWire(toError(error)) };
    this.#exit = { code: null, signal: null };
    this.#end();
  }

  #endIfGone(): void {
    // Exit may be seen before the last messages are read; the channel closes after them.
    if (this.#isOutputRead && !this.#worker.isConnected()) this.#end();
  }

  #end(): void {
    if (this.#hasEnded || this.#exit === undefined) return;
    this.#hasEnded = true;
    const failure = this.#failure;
    const output = this.#output.tail.trimEnd();
    this.#events.onEnd({
      ...this.#exit,
      ...(failure === undefined ? {} : { failure }),
      ...(output === '' ? {} : { output }),
    });
    this.#onEnded();
  }
}
