import type { SuccessorChannel } from './succession-channel.ts';

/** Figures that one process reports about itself; every one counts from the start of the process. */
export interface RoleStatus {
  /** What the process listens on, such as `websocket://0.0.0.0:8282`; empty when it does not listen. */
  readonly listen: string;
  /** False while the process cannot do its work yet or any more. */
  readonly ready: boolean;
  /**
   * What outside of it keeps the process from serving, in plain words; empty when nothing does. Probes see
   * it: no address, no secret, nothing of a client.
   */
  readonly notReadyReasons: readonly string[];
  /** Faults in spite of which the process serves, in plain words. Probes see them as well. */
  readonly warnings: readonly string[];
  /** Sockets that are open now: clients and inner links together. */
  readonly connections: number;
  /** Client events that were handed to a worker and are not finished. */
  readonly inFlight: number;
  /** Messages sent. */
  readonly sent: number;
  /** Messages received. */
  readonly received: number;
  /** Messages that could not be sent. */
  readonly failedSends: number;
  /** Queries answered. */
  readonly requests: number;
  /** How often each limit took effect, by the name of the limit; empty for a process without limits. */
  readonly limits: Readonly<Record<string, number>>;
  /** How many entries each table has now, by its name: all 0 without clients, but for workers and gateways. */
  readonly tables: Readonly<Record<string, number>>;
}

/** One client in the output of `connections`. */
export interface ConnectionStatus {
  readonly clientId: string;
  /** `host:port` of the client, the real one behind a trusted proxy. */
  readonly remoteAddress: string;
  /** Null while it is not bound to one. */
  readonly uid: string | null;
  readonly groups: readonly string[];
  /** The worker that handles its events, `name#id`; null while there is none. */
  readonly worker: string | null;
  /** Bytes that came from it over its socket. */
  readonly bytesRead: number;
  /** Bytes that its socket took. */
  readonly bytesWritten: number;
  /** Bytes that wait for it to read. */
  readonly pendingBytes: number;
  /** Its events that no worker has finished. */
  readonly inFlight: number;
}

/** How a process is to end. */
export interface StopOptions {
  /**
   * True to finish what has begun: no new clients or events, callbacks finish, what is queued leaves.
   * False to close clients at once; callbacks that run have up to a second.
   */
  readonly isGraceful: boolean;
  /** Time the process may take before it is killed, in milliseconds. Ignored by a stop that is not graceful and done sooner. */
  readonly timeoutMs: number;
  /** Time over which a gateway spreads the end of its clients, before `timeoutMs` counts, in milliseconds; 0 closes them together. */
  readonly drainMs: number;
}

/** The end of a process that nobody waits for. */
export const quickStop: StopOptions = Object.freeze({
  isGraceful: false,
  timeoutMs: 1000,
  drainMs: 0,
});

/** What runs in one process: a register, a gateway, a business worker or a user's own worker. */
export interface RoleRuntime {
  /** Resolves once the process does its work; rejects when it never can. */
  start(): Promise<void>;
  /**
   * Ends the work and closes every socket. Safe to call in any phase, and twice.
   *
   * @param options - by default `quickStop`
   */
  stop(options?: StopOptions): Promise<void>;
  /**
   * Gives its work to a successor, which is starting. Resolves once the successor has it: this process then
   * only moves what is left, within the time of its `stop`. Rejects when the successor did not come so far, and
   * goes on as if nothing had been tried.
   */
  handOver?(successor: SuccessorChannel): Promise<void>;
  /** Answers at once, without I/O. */
  status(): RoleStatus;
  /** Its clients, some at a time, so that no turn of the event loop lists them all; a process without clients has none. */
  connections?(): Iterable<readonly ConnectionStatus[]>;
}

/** Figures of a process that has neither sockets nor messages. */
export const emptyRoleStatus: RoleStatus = Object.freeze({
  listen: '',
  ready: true,
  notReadyReasons: Object.freeze([]),
  warnings: Object.freeze([]),
  connections: 0,
  inFlight: 0,
  sent: 0,
  received: 0,
  failedSends: 0,
  requests: 0,
  limits: Object.freeze({}),
  tables: Object.freeze({}),
});
