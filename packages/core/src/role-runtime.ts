import { type Figures, zeroFigures } from './status-figures.ts';
import type { SuccessorChannel } from './succession-channel.ts';

/** Status that a role reports, with its figures: see `statusFigures`. */
export interface RoleStatus extends Figures<'role'> {
  /** Address that the process listens on, such as `websocket://0.0.0.0:8282`; empty when it does not listen. */
  readonly listen: string;
  /** False while the process starts, stops, or cannot serve. */
  readonly ready: boolean;
  /**
   * Why the process cannot serve, one sentence for each external cause; empty when it can. Probes show it, so it must
   * not contain addresses, secrets or data of clients.
   */
  readonly notReadyReasons: readonly string[];
  /** Faults that do not keep the process from serving, one sentence each. Probes show them too. */
  readonly warnings: readonly string[];
}

/** Options of a stop. */
export interface StopOptions {
  /**
   * True for a graceful stop: no new clients or events are accepted, running callbacks finish, and queued messages are
   * sent. False to close clients at once; running callbacks then have up to a second.
   */
  readonly isGraceful: boolean;
  /** Time in milliseconds after which the process is killed. A stop that is not graceful takes about a second. */
  readonly timeoutMs: number;
  /**
   * Time in milliseconds over which a gateway closes its clients one after the other, before `timeoutMs` starts; 0
   * closes them together.
   */
  readonly drainMs: number;
}

/** Default options of a stop: close clients at once, within a second. */
export const quickStop: StopOptions = Object.freeze({
  isGraceful: false,
  timeoutMs: 1000,
  drainMs: 0,
});

/**
 * The role that runs in a process: a register, a gateway, a business worker or a worker of the application.
 *
 * `Connection` describes a client in the output of `connections`.
 */
export interface RoleRuntime<Connection = unknown> {
  /** Resolves once the process serves; rejects when it cannot start. */
  start(): Promise<void>;
  /**
   * Stops the role and closes every socket. It may be called in any phase and more than once.
   *
   * @param options - default: `quickStop`
   */
  stop(options?: StopOptions): Promise<void>;
  /**
   * Hands over links and tables to a successor, which is starting. Resolves once the successor serves: this process
   * then only moves the remaining client connections, until its `stop` ends. Rejects if the successor fails; this
   * process then continues to serve.
   */
  handOver?(successor: SuccessorChannel): Promise<void>;
  /** Returns the current status, without I/O. */
  status(): RoleStatus;
  /** Its clients, in chunks, so that no turn of the event loop lists all of them; absent in a role without clients. */
  connections?(): Iterable<readonly Connection[]>;
}

/** Status of a process without sockets and messages. */
export const emptyRoleStatus: RoleStatus = Object.freeze({
  listen: '',
  ready: true,
  notReadyReasons: Object.freeze([]),
  warnings: Object.freeze([]),
  ...zeroFigures('role'),
});
