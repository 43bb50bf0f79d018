/** Figures that one process reports about itself; every one counts from the start of the process. */
export interface RoleStatus {
  /** What the process listens on, such as `websocket://0.0.0.0:8282`; empty when it does not listen. */
  readonly listen: string;
  /** False while the process cannot do its work yet or any more. */
  readonly ready: boolean;
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
}

/** What runs in one process: a register, a gateway, a business worker or a user's own worker. */
export interface RoleRuntime {
  /** Resolves once the process does its work; rejects when it never can. */
  start(): Promise<void>;
  /** Ends the work and closes every socket. Safe to call in any phase, and twice. */
  stop(): Promise<void>;
  /** Answers at once, without I/O. */
  status(): RoleStatus;
}

/** Figures of a process that has neither sockets nor messages. */
export const emptyRoleStatus: RoleStatus = Object.freeze({
  listen: '',
  ready: true,
  connections: 0,
  inFlight: 0,
  sent: 0,
  received: 0,
  failedSends: 0,
  requests: 0,
  limits: Object.freeze({}),
});
