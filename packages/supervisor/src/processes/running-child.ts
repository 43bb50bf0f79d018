import inspector from 'node:inspector';
import { GatewayWorkerError, type Logger, type StopOptions, toWire } from '@gatewayworker/core';
import type { ConnectionStatus } from '@gatewayworker/protocol';
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

/** Receives some clients of a gateway process; resolves with false to stop reading. */
export type OnConnections = (part: {
  readonly pid: number;
  readonly connections: readonly ConnectionStatus[];
}) => Promise<boolean>;

/** Events of a child. */
export interface ChildEvents {
  /** Its runtime is ready. */
  onReady(report: ChildReport): void;
  /** It received SIGTERM from another program; it keeps running until the master stops it. */
  onTerminate(): void;
  /** The process has ended and everything it sent has been read. */
  onEnd(end: ChildExit): void;
}

/** What a child gets from its master. */
export interface ChildMaster {
  readonly logger: Logger;
  readonly onMasterExit: OnMasterExit;
}

/** Time to read what a process sent before its end, in milliseconds. */
const FINAL_READ_MS = 500;

/** A running process, seen by its master. All messages go through the control socket of the process. */
export class RunningChild {
  /** Resolves once it has ended and everything it sent has been read. */
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

  /** `undefined` when the system could not create the process. */
  get pid(): number | undefined {
    return this.#source.pid;
  }

  /** Milliseconds since it was started. */
  get livedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Whether the process is known to have ended. */
  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Its identity; `undefined` until it has answered `identify`. */
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

  /** Its control connection if it was started by another process; else `undefined`. */
  get foreignClient(): ControlClient | undefined {
    return this.#source.output === undefined && this.#hasMaster ? this.#client : undefined;
  }

  /** Why its stack cannot be read; `undefined` when it can. */
  get stackUnavailableReason(): string | undefined {
    if (this.#source.output !== undefined) return undefined;
    return 'its stack is unknown: only the process that started it can read it';
  }

  /** Requests its identity; resolves with `undefined` when it has ended, or does not answer in time. */
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
   * @throws {GW_ERR_CLUSTER_ALREADY_RUNNING} when another running master is attached to it
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
          // `onEnd` reports the end of the process.
          else resolve();
        },
      );
    });
  }

  /** Announces that the master ends; the process keeps running. */
  async detach(timeoutMs: number): Promise<void> {
    await this.#request({ command: ChildCommand.detach }, timeoutMs);
  }

  /** Stops the child, and kills it when it is late. See `ChildStop.run`. */
  stop(options: StopOptions): Promise<boolean> {
    return this.#stop.run(options);
  }

  /** Sends the stop order, and closes listening sockets that no other process uses. */
  sendStop(options: StopOptions): void {
    this.#source.releaseSockets();
    const { pid } = this;
    if (this.#identity !== undefined && this.#identity.protocol !== CHILD_PROTOCOL) {
      try {
        // Every version handles SIGTERM.
        if (pid !== undefined && !this.#hasExited) process.kill(pid, 'SIGTERM');
      } catch {
        // The process has just ended.
      }
      return;
    }
    this.#send({ command: ChildCommand.stop, ...options });
  }

  /** Kills the child. */
  kill(): void {
    this.#source.kill();
  }

  /** Has the child reopen its log file. */
  reopenLog(): void {
    this.#send({ command: ChildCommand.reopenLog });
  }

  /** Resolves with the child's report, or with `undefined` when it has not answered in time. */
  async report(timeoutMs: number): Promise<ChildReport | undefined> {
    const answer = this.#request({ command: ChildCommand.report }, timeoutMs);
    return parseReport(await answer.catch(() => undefined));
  }

  /**
   * Requests the clients of the child, some at a time.
   *
   * @param timeoutMs - time for each part
   * @param onPage - resolves with false to stop reading
   * @throws {GW_ERR_QUERY_TIMEOUT} when a part does not arrive in time
   */
  async connections(timeoutMs: number, onPage: OnConnections): Promise<void> {
    const { pid, socketPath } = this.#source;
    // Use a separate connection, so that a slow reader of the list delays no other answer.
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

  /** Reads the stack of its JavaScript; `undefined` when that is not possible in the given time. */
  stack(timeoutMs: number): Promise<string | undefined> {
    this.#stack ??= this.#readStack(timeoutMs)
      // Sending a signal to a process that has just ended throws.
      .catch(() => undefined)
      .finally(() => {
        this.#stack = undefined;
      });
    return this.#stack;
  }

  async #readStack(timeoutMs: number): Promise<string | undefined> {
    const { pid } = this;
    const { output } = this.#source;
    // Node.js prints the port of the inspector on the error output, which only the parent reads.
    if (pid === undefined || this.#hasExited || output === undefined) return;
    // If the master is debugged, so are its children: do not interfere with their debugger.
    if (inspector.url() !== undefined) return;
    const signal = AbortSignal.timeout(timeoutMs);
    const announced = output.awaitInspector(signal);
    // Node.js opens its inspector in another thread, even if the main thread is blocked.
    process.kill(pid, 'SIGUSR1');
    const url = await announced;
    const stack = url === undefined ? undefined : await inspectStack(url, signal);
    if (stack === undefined) this.#send({ command: ChildCommand.closeInspector });
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

  #send(order: ChildOrder): void {
    // A child that cannot be reached is about to end, which `onEnd` reports.
    void this.#request(order, Number.POSITIVE_INFINITY).catch(() => {});
  }

  async #request(
    order: ChildOrder,
    timeoutMs: number,
    onPart?: (part: unknown) => void,
  ): Promise<unknown> {
    const client = this.#client ?? (await withTimeout(this.#source.connected, timeoutMs));
    return await client?.request(order, timeoutMs, onPart);
  }

  async #end(): Promise<void> {
    const exit = await this.#source.exited;
    this.#hasExited = true;
    if (this.#client !== undefined) await withTimeout(this.#client.closed, FINAL_READ_MS);
    this.#client?.close();
    const { socketPath } = this.#source;
    // A killed process could not remove its socket.
    if (this.#hasMaster && socketPath !== undefined) removeSocket(socketPath);
    const failure = this.#failure ?? exit.failure;
    this.#events.onEnd({ ...exit, ...(failure === undefined ? {} : { failure }) });
  }
}

/** Resolves with `undefined` when a promise takes longer than the timeout. */
async function withTimeout<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  if (timeoutMs === Number.POSITIVE_INFINITY) return await promise;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
