import type { LatencyCounts } from './latency-histogram.ts';

/** Format of messages: plain websocket messages, or Socket.IO v4 events named `m` over a websocket. */
export type Framing = 'websocket' | 'socket.io';

/**
 * What the clients do once all are connected.
 *
 * - `echo`: each has `pipeline` messages in flight to itself
 * - `uid`: each has `pipeline` messages in flight to the client whose number is half of all clients further
 * - `group`: each of the first `senders` clients has `pipeline` messages in flight to the first `members` clients
 * - `idle`: nothing
 * - `receive`: each has bound its uid, and receives messages from outside
 */
export type LoadMode = 'echo' | 'uid' | 'group' | 'idle' | 'receive';

/** Plan of the load generator. */
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
  /** Messages per second of all senders together, sent without waiting for answers; 0 to wait for answers. */
  readonly rate: number;
  /** Length of the measured window, in seconds. */
  readonly seconds: number;
  /** Warm-up before it, in seconds. */
  readonly warmSeconds: number;
  /** Processes whose CPU time counts. */
  readonly pids: readonly number[];
}

/** Part of a plan for one process: the connections `index`, `index + processes` and so on. */
export interface LoadShare {
  readonly plan: LoadPlan;
  readonly index: number;
  readonly processes: number;
}

/** Message to a load process. */
export type LoadCommand =
  | { readonly type: 'connect'; readonly share: LoadShare }
  | { readonly type: 'run' };

/** Result of connecting the clients of one process. */
export interface ConnectReport {
  /** Seconds from the first attempt until the last client had its greeting. */
  readonly seconds: number;
  readonly latencies: LatencyCounts;
}

/** Results of one process. */
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
  /** First and last arrival of each message to many clients: send time, first, last, in microseconds. */
  readonly arrivals: readonly (readonly [number, number, number])[];
  /** Connections that the server has closed. */
  readonly closed: number;
}

/** Message from a load process. */
export type LoadEvent =
  | { readonly type: 'connected'; readonly report: ConnectReport }
  | { readonly type: 'received'; readonly messages: number }
  | { readonly type: 'finished'; readonly report: LoadReport }
  | { readonly type: 'failed'; readonly reason: string };
