import type { Socket } from 'node:net';
import type { ConnectionStatus, Logger, StopOptions } from '@gatewayworker/core';
import { ChildDialog } from './child-dialog.ts';
import { type ChildReport, type MasterMessage, parseChildMessage } from './child-messages.ts';
import { ChildStop } from './child-stop.ts';
import { parseJson } from './json-value.ts';
import { LineReader } from './line-reader.ts';
import type { Orphan } from './orphan.ts';
import type { Role } from './process-declaration.ts';
import { ProcessState } from './status-report.ts';

const maxLineCharacters = 64 * 1_048_576;
/** Time that one has to let a port go: whoever is late may be blocked, and new clients wait. */
const releaseTimeoutMs = 1_000;

/** What happens to an adopted process. */
export interface AdoptedChildEvents {
  /** Somebody sent it SIGTERM; it goes on until it is told to stop. */
  onTerminate(): void;
  /** It is gone, or has lost its connection, over which it comes anew. */
  onEnd(): void;
}

/** A living process that an earlier master has started, from the side of the master that took it over. */
export class AdoptedChild {
  readonly role: Role;
  readonly name: string;
  readonly id: number;
  readonly pid: number;
  /** Resolves once it is gone. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #startedAt: number;
  readonly #dialog = new ChildDialog((message) => this.#send(message));
  readonly #stop: ChildStop;
  readonly #events: AdoptedChildEvents;
  #state: ProcessState = ProcessState.leaving;
  #releasing: Promise<void> | undefined;
  #onPortReleased: () => void = () => {};

  /** @param socket - of the control server, which has read the introduction from it */
  constructor(socket: Socket, orphan: Orphan, events: AdoptedChildEvents, logger: Logger) {
    this.role = orphan.role;
    this.name = orphan.name;
    this.id = orphan.id;
    this.pid = orphan.pid;
    this.#socket = socket;
    this.#startedAt = performance.now() - orphan.livedMs;
    this.#events = events;
    this.#stop = new ChildStop(this, logger);
    const reader = new LineReader(maxLineCharacters);
    socket.on('data', (piece: string) => {
      const lines = reader.push(piece);
      if (lines === undefined) socket.destroy();
      else for (const line of lines) this.#receive(line);
    });
    // The process closes its end with its own end only.
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        events.onEnd();
        resolve();
      });
    });
    this.#send({ type: 'gatewayworker:adopted' });
  }

  /** Name and number as tables show them, such as `chat-gateway #0`. */
  get label(): string {
    return `${this.name} #${this.id}`;
  }

  /** `leaving`, or `stopping` once it was told to. */
  get state(): ProcessState {
    return this.#state;
  }

  /** Milliseconds since it was made. */
  get livedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Whether the process is known to be gone. */
  get hasExited(): boolean {
    return this.#socket.destroyed;
  }

  /** Tells it to end once its last client has gone. */
  leave(): void {
    this.#send({ type: 'gatewayworker:leave' });
  }

  /** Tells it to let the port for clients go, if it has it; resolves once that is done, or it takes too long. */
  releasePort(): Promise<void> {
    this.#releasing ??= this.#releasePort().finally(() => {
      this.#releasing = undefined;
    });
    return this.#releasing;
  }

  #releasePort(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, releaseTimeoutMs);
      const settle = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#onPortReleased = settle;
      void this.ended.then(settle);
      this.#send({ type: 'gatewayworker:releasePort' });
    });
  }

  /** Asks it to stop, and kills it when it is late. See `ChildStop.run`. */
  stop(options: StopOptions): Promise<boolean> {
    this.#state = ProcessState.stopping;
    return this.#stop.run(options);
  }

  /** As `stop`: nobody will take its place. */
  /** It leaves by itself, and its successor accepts clients. */
  async undrain(): Promise<boolean> {
    return false;
  }

  drain(options: StopOptions): Promise<boolean> {
    return this.stop(options);
  }

  /** Asks it to stop. */
  tellToStop(options: StopOptions): void {
    this.#send({ type: 'gatewayworker:stop', ...options });
  }

  /** Ends it at once. */
  kill(): void {
    // While the connection is up the pid cannot be another process's.
    if (this.hasExited) return;
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch {
      // It has just ended, and the end of its connection follows.
    }
  }

  /** Tells it that its log file was moved away. */
  reopenLog(): void {
    this.#send({ type: 'gatewayworker:reopenLog' });
  }

  /** Resolves with its report, or with `undefined` when it has not answered in time. */
  report(timeoutMs: number): Promise<ChildReport | undefined> {
    return this.#dialog.report(timeoutMs);
  }

  /** What it is doing, its error output would tell, which belonged to the master before. */
  stack(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** Asks it for its clients. See `ChildDialog.connections`. */
  async *connections(
    timeoutMs: number,
  ): AsyncGenerator<{ pid: number; connections: readonly ConnectionStatus[] }> {
    for await (const connections of this.#dialog.connections(timeoutMs)) {
      yield { pid: this.pid, connections };
    }
  }

  #receive(line: string): void {
    const message = parseChildMessage(parseJson(line));
    switch (message?.type) {
      case undefined:
      // A failure is in the log already: whoever has no master yet logs it, and so does this one.
      case 'gatewayworker:listening':
      case 'gatewayworker:started':
      case 'gatewayworker:failed':
        return;
      // Its port for clients it has claimed of the master that has made it.
      case 'gatewayworker:portClaimed':
        return;
      case 'gatewayworker:portReleased':
        this.#onPortReleased();
        return;
      case 'gatewayworker:terminated':
        this.#events.onTerminate();
        return;
      case 'gatewayworker:report':
      case 'gatewayworker:connections':
        this.#dialog.receive(message);
        return;
      default:
        message satisfies never;
    }
  }

  #send(message: MasterMessage): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }
}
