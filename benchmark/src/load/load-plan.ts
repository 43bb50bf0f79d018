import type { LatencyCounts } from './latency-histogram.ts';

/** How a server speaks: plain websocket messages, or Socket.IO v4 events named `m` over a websocket. */
export type Framing = 'websocket' | 'socket.io';

/**
 * What the clients do once all are there.
 *
 * - `echo`: each has `pipeline` messages in flight, which come back to it
 * - `uid`: each has `pipeline` messages in flight, which go to the client half way round
 * - `group`: the first `senders` clients have `pipeline` messages each in flight to the first `members`
 * - `idle`: nothing
 * - `receive`: each has bound its uid and takes what comes from outside
 */
export type LoadMode = 'echo' | 'uid' | 'group' | 'idle' | 'receive';

/** What the load generator is to do. */
export interface LoadPlan {
  readonly mode: LoadMode;
  readonly framing: Framing;
  /** Connections are spread over these ports of 127.0.0.1. */
  readonly ports: readonly number[];
  readonly connections: number;
  /** Messages in flight per sender. */
  readonly pipeline: number;
  /** Bytes of a message. */
  readonly size: number;
  /** Clients that join the group, in group mode. */
  readonly members: number;
  /** Clients that send, in group mode. */
  readonly senders: number;
  /** Messages per second of all senders together, sent without waiting for answers; 0 waits for answers. */
  readonly rate: number;
  /** Length of the measured window, in seconds. */
  readonly seconds: number;
  /** Time under load before it, in seconds. */
  readonly warmSeconds: number;
  /** Processes whose CPU time counts. */
  readonly pids: readonly number[];
}

/** The part of a plan that one process carries out: the connections `index`, `index + processes` and so on. */
export interface LoadShare {
  readonly plan: LoadPlan;
  readonly index: number;
  readonly processes: number;
}

/** What a load process is told. */
export type LoadCommand =
  | { readonly type: 'connect'; readonly share: LoadShare }
  | { readonly type: 'run' };

/** How one process got its clients connected. */
export interface ConnectReport {
  /** Seconds from the first attempt until the last client had its greeting. */
  readonly seconds: number;
  readonly latencies: LatencyCounts;
}

/** What one process has measured. */
export interface LoadReport {
  /** Messages received in the window. */
  readonly messages: number;
  /** Length of the window, in seconds. */
  readonly seconds: number;
  /** CPU time of the processes of the plan in the window, in seconds. */
  readonly serverCpuSeconds: number;
  /** CPU time of this process in the window, in seconds. */
  readonly ownCpuSeconds: number;
  readonly latencies: LatencyCounts;
  /** First and last arrival of each message that many got: send time, first, last, in microseconds. */
  readonly arrivals: readonly (readonly [number, number, number])[];
  /** Connections that the server has closed. */
  readonly closed: number;
}

/** What a load process tells. */
export type LoadEvent =
  | { readonly type: 'connected'; readonly report: ConnectReport }
  | { readonly type: 'received'; readonly messages: number }
  | { readonly type: 'finished'; readonly report: LoadReport }
  | { readonly type: 'failed'; readonly reason: string };
