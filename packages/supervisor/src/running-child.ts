import type { Worker } from 'node:cluster';
import inspector from 'node:inspector';
import {
  type ConnectionStatus,
  type Logger,
  type StopOptions,
  toError,
  toWire,
} from '@gatewayworker/core';
import { ChildDialog } from './child-dialog.ts';
import {
  type ChildFailure,
  type ChildMessage,
  type ChildReport,
  type MasterMessage,
  parseChildMessage,
} from './child-messages.ts';
import { ChildOutput } from './child-output.ts';
import { ChildStop } from './child-stop.ts';
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
  /** It is about to listen for clients; resolves once their port is free. */
  onPortClaimed(): Promise<void>;
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

/** One living process, from the master's side. */
export class RunningChild {
  /** On the clock of `performance.now()`. */
  readonly startedAt: number = performance.now();
  readonly #worker: Worker;
  readonly #events: ChildEvents;
  readonly #output: ChildOutput;
  /** Resolves once it has loaded its code, or is gone. */
  readonly loaded: Promise<void>;
  /** Resolves once it is gone and everything it sent has been read. */
  readonly ended: Promise<void>;
  readonly #dialog = new ChildDialog((message) => this.#send(message));
  readonly #stop: ChildStop;
  #stack: Promise<string | undefined> | undefined;
  #failure: ChildFailure | undefined;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  /**
   * What the child is told before it hears anything: node:cluster listens in it from its first moment on,
   * for nobody, and what came before the program itself listens would be lost.
   */
  #unheard: MasterMessage[] | undefined = [];
  #isOutputRead = false;
  #hasEnded = false;
  #onLoaded: () => void = () => {};
  #onEnded: () => void = () => {};

  /** @param worker - just forked, so that no event is missed */
  constructor(worker: Worker, events: ChildEvents, { logger, printError }: ChildSurroundings) {
    this.#worker = worker;
    this.#events = events;
    this.#output = new ChildOutput(worker.process.stderr, printError);
    this.#stop = new ChildStop(this, logger);
    this.loaded = new Promise((resolve) => {
      this.#onLoaded = resolve;
    });
    this.ended = new Promise((resolve) => {
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

  /** Whether the process is known to be gone; what it has sent may not be read yet. */
  get hasExited(): boolean {
    return this.#exit !== undefined;
  }

  /** Asks the child to stop, and kills it when it is late. See `ChildStop.run`. */
  stop(options: StopOptions): Promise<boolean> {
    return this.#stop.run(options);
  }

  /** Asks the child to stop. */
  tellToStop(options: StopOptions): void {
    this.#send({ type: 'gatewayworker:stop', ...options });
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
    return this.#dialog.report(timeoutMs);
  }

  /** Asks the child for its clients. See `ChildDialog.connections`. */
  connections(timeoutMs: number): AsyncGenerator<readonly ConnectionStatus[]> {
    return this.#dialog.connections(timeoutMs);
  }

  /** Reads what its JavaScript is doing, for at most a time; `undefined` when Node.js cannot tell by then. */
  stack(timeoutMs: number): Promise<string | undefined> {
    this.#stack ??= this.#readStack(timeoutMs).finally(() => {
      this.#stack = undefined;
    });
    return this.#stack;
  }

  async #readStack(timeoutMs: number): Promise<string | undefined> {
    const { pid } = this;
    // Where the master is debugged its children are too, by somebody who must not be disturbed.
    if (pid === undefined || this.#exit !== undefined || inspector.url() !== undefined) return;
    const signal = AbortSignal.timeout(timeoutMs);
    const announced = this.#output.awaitInspector(signal);
    // Node.js opens its inspector from a thread of its own, whatever the main one is doing.
    process.kill(pid, 'SIGUSR1');
    const url = await announced;
    const stack = url === undefined ? undefined : await inspectStack(url, signal);
    if (stack === undefined) this.#send({ type: 'gatewayworker:closeInspector' });
    return stack === '' ? undefined : stack;
  }

  #receive(message: ChildMessage | undefined): void {
    switch (message?.type) {
      case undefined:
      // An answer to a question that only adopted children are asked.
      case 'gatewayworker:portReleased':
        return;
      case 'gatewayworker:listening':
        this.#sendUnheard();
        this.#onLoaded();
        return;
      case 'gatewayworker:portClaimed':
        void this.#freePort();
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
      case 'gatewayworker:connections':
        this.#dialog.receive(message);
        return;
      default:
        message satisfies never;
    }
  }

  async #freePort(): Promise<void> {
    await this.#events.onPortClaimed();
    this.#send({ type: 'gatewayworker:portFree' });
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
      this.#dialog.requestReport((report) => {
        if (this.#failure === undefined) this.#events.onReady(report);
      }),
    );
  }

  #send(message: MasterMessage): void {
    if (this.#unheard === undefined) this.#pass(message);
    else this.#unheard.push(message);
  }

  #sendUnheard(): void {
    const messages = this.#unheard ?? [];
    this.#unheard = undefined;
    for (const message of messages) this.#pass(message);
  }

  #pass(message: MasterMessage): void {
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
    this.#onLoaded();
    this.#onEnded();
  }
}
