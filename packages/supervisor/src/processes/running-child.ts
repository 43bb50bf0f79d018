import inspector from 'node:inspector';
import {
  type ConnectionStatus,
  GatewayWorkerError,
  type Logger,
  type StopOptions,
  toWire,
} from '@gatewayworker/core';
import {
  CHILD_PROTOCOL,
  ChildCommand,
  type ChildExit,
  type ChildFailure,
  type ChildIdentity,
  type ChildOrder,
  type ChildReport,
  type OnMasterExit,
  parseChildEvent,
  parseIdentity,
  parseReport,
} from '../control/child-protocol.ts';
import { removeSocket } from '../control/child-socket.ts';
import { ControlClient } from '../control/control-client.ts';
import { ChildStop } from './child-stop.ts';
import type { ProcessSource } from './process-source.ts';
import { inspectStack } from './stack-inspector.ts';

/** Gets some clients of a gateway process; resolves with false to read no more. */
export type OnConnections = (part: {
  readonly pid: number;
  readonly connections: readonly ConnectionStatus[];
}) => Promise<boolean>;

/** What happens to a child. */
export interface ChildEvents {
  /** Its runtime does its work. */
  onReady(report: ChildReport): void;
  /** It received SIGTERM from outside; it keeps running until the master stops it. */
  onTerminate(): void;
  /** The process is gone and everything it sent has been read. */
  onEnd(end: ChildExit): void;
}

/** The master of a child. */
export interface ChildMaster {
  readonly logger: Logger;
  readonly onMasterExit: OnMasterExit;
}

/** Time to read what a process sent before its end. */
const LAST_WORDS_MS = 500;

/** One living process, from the side of its master. All talk goes over the control socket of the process. */
export class RunningChild {
  /** Resolves once it is gone and everything it sent has been read. */
  readonly ended: Promise<void>;
  readonly #source: ProcessSource;
  readonly #events: ChildEvents;
  readonly #master: ChildMaster;
  readonly #stop: ChildStop;
  #startedAt: number = performance.now();
  #client: ControlClient | undefined;
  #identity: ChildIdentity | undefined;
  #stack: Promise<string | undefined> | undefined;
  #failure: ChildFailure | undefined;
  #hasExited = false;
  #hasMaster = false;
  #readyReport: ChildReport | undefined;

  constructor(source: ProcessSource, events: ChildEvents, master: ChildMaster) {
    this.#source = source;
    this.#events = events;
    this.#master = master;
    this.#stop = new ChildStop(this, master.logger);
    source.connected.then(
      (client) => {
        this.#client = client;
      },
      (error: unknown) => {
        this.#failure = { error: toWire(error) };
        source.kill();
      },
    );
    this.ended = this.#end();
  }

  /** `undefined` when the system could not make the process. */
  get pid(): number | undefined {
    return this.#source.pid;
  }

  /** Milliseconds since it was made. */
  get livedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Whether the process is known to be gone. */
  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Which process it is; `undefined` before it was asked, or as long as it does not answer. */
  get identity(): ChildIdentity | undefined {
    return this.#identity;
  }

  /** What it reported when it became ready; `undefined` before. */
  get readyReport(): ChildReport | undefined {
    return this.#readyReport;
  }

  /** Its control connection, once it is open. */
  get client(): ControlClient | undefined {
    return this.#client;
  }

  /** Its control connection when it is the child of another process, which may be gone; else `undefined`. */
  get foreignClient(): ControlClient | undefined {
    return this.#source.output === undefined && this.#hasMaster ? this.#client : undefined;
  }

  /** Why its stack cannot be read; `undefined` when it can. */
  get noStackReason(): string | undefined {
    if (this.#source.output !== undefined) return undefined;
    return 'its stack is unknown: only the process that started it can read it';
  }

  /** Asks which process it is; resolves with `undefined` when it is gone, or does not answer in time. */
  async identify(timeoutMs: number = Number.POSITIVE_INFINITY): Promise<ChildIdentity | undefined> {
    const order = { command: ChildCommand.identify } as const;
    const answer = await this.#request(order, timeoutMs).catch(() => undefined);
    this.#identity = parseIdentity(answer);
    if (this.#identity !== undefined) {
      this.#startedAt = performance.now() - this.#identity.livedMs;
    }
    return this.#identity;
  }

  /**
   * Becomes its master.
   *
   * @throws {GW_ERR_CLUSTER_ALREADY_RUNNING} when it has another one, which runs
   */
  attach(): Promise<void> {
    const { onMasterExit } = this.#master;
    const order = { command: ChildCommand.attach, masterPid: process.pid, onMasterExit } as const;
    return new Promise((resolve, reject) => {
      const following = this.#request(order, Number.POSITIVE_INFINITY, (part) => {
        this.#hasMaster = true;
        this.#receive(part);
        resolve();
      });
      following.then(
        () => resolve(),
        (error: unknown) => {
          const isRefused =
            error instanceof GatewayWorkerError && error.code === 'GW_ERR_CLUSTER_ALREADY_RUNNING';
          if (isRefused) reject(error);
          // The end of the process is reported by `onEnd`.
          else resolve();
        },
      );
    });
  }

  /** Announces that the master ends; the process keeps running. */
  async detach(timeoutMs: number): Promise<void> {
    await this.#request({ command: ChildCommand.detach }, timeoutMs);
  }

  /** Asks the child to stop, and kills it when it is late. See `ChildStop.run`. */
  stop(options: StopOptions): Promise<boolean> {
    return this.#stop.run(options);
  }

  /** Asks the child to stop. */
  tellToStop(options: StopOptions): void {
    this.#source.releaseSockets();
    const { pid } = this;
    if (this.#identity !== undefined && this.#identity.protocol !== CHILD_PROTOCOL) {
      try {
        // Every version handles SIGTERM.
        if (pid !== undefined && !this.#hasExited) process.kill(pid, 'SIGTERM');
      } catch {
        // It has just ended.
      }
      return;
    }
    this.#tell({ command: ChildCommand.stop, ...options });
  }

  /** Ends the child at once. */
  kill(): void {
    this.#source.kill();
  }

  /** Tells the child that its log file was moved away. */
  reopenLog(): void {
    this.#tell({ command: ChildCommand.reopenLog });
  }

  /** Resolves with the child's report, or with `undefined` when it has not answered in time. */
  async report(timeoutMs: number): Promise<ChildReport | undefined> {
    const answer = this.#request({ command: ChildCommand.report }, timeoutMs);
    return parseReport(await answer.catch(() => undefined));
  }

  /**
   * Asks the child for its clients, some at a time.
   *
   * @param timeoutMs - time for each part
   * @param onPage - resolves with false to read no more
   * @throws {GW_ERR_QUERY_TIMEOUT} when a part does not come in time
   */
  async connections(timeoutMs: number, onPage: OnConnections): Promise<void> {
    const { pid, socketPath } = this.#source;
    // A connection of its own, so that a slow reader of the list holds up no other answer.
    const client = socketPath === undefined ? undefined : await ControlClient.connect(socketPath);
    if (client === undefined || pid === undefined) return;
    try {
      const order = { command: ChildCommand.connections } as const;
      await client.request(order, timeoutMs, async (part) => {
        if (Array.isArray(part) && !(await onPage({ pid, connections: part }))) client.close();
      });
    } finally {
      client.close();
    }
  }

  /** Reads what its JavaScript is doing, for at most a time; `undefined` when Node.js cannot tell by then. */
  stack(timeoutMs: number): Promise<string | undefined> {
    this.#stack ??= this.#readStack(timeoutMs)
      // A signal to a process that has just ended throws.
      .catch(() => undefined)
      .finally(() => {
        this.#stack = undefined;
      });
    return this.#stack;
  }

  async #readStack(timeoutMs: number): Promise<string | undefined> {
    const { pid } = this;
    const { output } = this.#source;
    // Node.js names the port of the inspector on the error output, which only its parent reads.
    if (pid === undefined || this.#hasExited || output === undefined) return;
    // Where the master is debugged its children are too, and a debugger must not be disturbed.
    if (inspector.url() !== undefined) return;
    const signal = AbortSignal.timeout(timeoutMs);
    const announced = output.awaitInspector(signal);
    // Node.js opens its inspector from a thread of its own, whatever the main one is doing.
    process.kill(pid, 'SIGUSR1');
    const url = await announced;
    const stack = url === undefined ? undefined : await inspectStack(url, signal);
    if (stack === undefined) this.#tell({ command: ChildCommand.closeInspector });
    return stack === '' ? undefined : stack;
  }

  #receive(value: unknown): void {
    const message = parseChildEvent(value);
    if (message?.event === 'ready') {
      this.#readyReport = message.report;
      this.#events.onReady(message.report);
    }
    if (message?.event === 'terminated') this.#events.onTerminate();
    if (message?.event === 'failed') this.#failure = message.failure;
  }

  #tell(order: ChildOrder): void {
    // A child that is about to end is noticed by its end.
    void this.#request(order, Number.POSITIVE_INFINITY).catch(() => {});
  }

  async #request(
    order: ChildOrder,
    timeoutMs: number,
    onPart?: (part: unknown) => void,
  ): Promise<unknown> {
    const client = this.#client ?? (await within(this.#source.connected, timeoutMs));
    return await client?.request(order, timeoutMs, onPart);
  }

  async #end(): Promise<void> {
    const exit = await this.#source.exited;
    this.#hasExited = true;
    if (this.#client !== undefined) await within(this.#client.closed, LAST_WORDS_MS);
    this.#client?.close();
    const { socketPath } = this.#source;
    // A process that was killed could not remove it.
    if (this.#hasMaster && socketPath !== undefined) removeSocket(socketPath);
    const failure = this.#failure ?? exit.failure;
    this.#events.onEnd({ ...exit, ...(failure === undefined ? {} : { failure }) });
  }
}

/** Resolves with `undefined` when a promise takes longer. */
async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return await promise;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
