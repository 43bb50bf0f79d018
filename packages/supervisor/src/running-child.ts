import type { Worker } from 'node:cluster';
import { toError, toWire } from '@gatewayworker/core';
import {
  type ChildFailure,
  type ChildMessage,
  type ChildReport,
  type MasterMessage,
  parseChildMessage,
} from './child-messages.ts';

/** How a process ended. */
export interface ChildEnd {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** What it said before it ended, if it did. */
  readonly failure?: ChildFailure;
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

// The channel of a dead process closes with it. Only a descriptor that a native module leaked into
// some grandchild keeps it open, and then the child must still be started again.
const channelGraceMs = 500;

/** One living process, from the master's side. */
export class RunningChild {
  readonly #worker: Worker;
  readonly #events: ChildEvents;
  readonly #reports = new Map<number, (report: ChildReport) => void>();
  #lastRequest = 0;
  #failure: ChildFailure | undefined;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  #ended = false;

  /** @param worker - just forked, so that no event is missed */
  constructor(worker: Worker, events: ChildEvents) {
    this.#worker = worker;
    this.#events = events;
    worker.on('message', (message: unknown) => this.#receive(parseChildMessage(message)));
    worker.on('error', (error: Error) => this.#onError(error));
    worker.once('disconnect', () => this.#endIfGone());
    worker.once('exit', (code: number | null, signal: string | null) => {
      this.#exit = { code: signal === null ? code : null, signal };
      this.#endIfGone();
      setTimeout(() => this.#end(), channelGraceMs).unref();
    });
  }

  /** `undefined` when the system could not make the process. */
  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  /** Asks the child to stop; it ends by itself. */
  requestStop(): void {
    this.#send({ type: 'gatewayworker:stop' });
  }

  /** Ends the child at once. */
  kill(): void {
    this.#worker.process.kill('SIGKILL');
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

  #requestReport(onReport: (report: ChildReport) => void): number {
    this.#lastRequest += 1;
    this.#reports.set(this.#lastRequest, onReport);
    this.#send({ type: 'gatewayworker:report', request: this.#lastRequest });
    return this.#lastRequest;
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
    if (this.#exit !== undefined && !this.#worker.isConnected()) this.#end();
  }

  #end(): void {
    if (this.#ended || this.#exit === undefined) return;
    this.#ended = true;
    const failure = this.#failure;
    this.#events.onEnd({ ...this.#exit, ...(failure === undefined ? {} : { failure }) });
  }
}
