import type { LoadPlan } from './load/load-plan.ts';

/** What a scenario is about, and what its chart shows. */
export type Metric =
  | 'messagesPerSecond'
  | 'cpuMicrosPerMessage'
  | 'p99Ms'
  | 'connectionsPerSecond'
  | 'bytesPerConnection';

/** What is measured, by which load. */
export interface Scenario {
  /** As it stands on the command line. */
  readonly name: string;
  readonly title: string;
  /**
   * - `load`: clients talk
   * - `connect`: clients arrive, and each is greeted by the application
   * - `idle`: clients do nothing but be there; their memory is measured
   * - `push`: a process outside sends to clients
   */
  readonly kind: 'load' | 'connect' | 'idle' | 'push';
  readonly metric: Metric;
  /** What it differs in from `defaultLoad`. */
  readonly load: Partial<LoadPlan> & Pick<LoadPlan, 'mode'>;
  /** Another load on the same server meanwhile; its own figures are not shown. */
  readonly beside?: Partial<LoadPlan> & Pick<LoadPlan, 'mode'>;
  /** Contenders of its own, where the usual ones do not fit. */
  readonly contenders?: readonly string[];
}

/** What a load is unless its scenario says otherwise. */
export const defaultLoad = {
  connections: 200,
  pipeline: 1,
  size: 64,
  members: 0,
  senders: 0,
  rate: 0,
} as const;

/** Contenders of every scenario that does not name its own. */
export const defaultContenders: readonly string[] = [
  'raw-ws',
  'gatewayworker-1x1',
  'gatewayworker-2x2',
  'socket.io-2',
];

/** Messages that are under way at a time when they are pushed from outside. */
export const PUSH_WINDOW = 1000;

/** Those who must not notice what others do. */
const beside = { connections: 100, rate: 1000 } as const;

const growing = [
  'gatewayworker-1x1',
  'gatewayworker-2x1',
  'gatewayworker-4x1',
  'gatewayworker-8x1',
  'gatewayworker-1x2',
  'gatewayworker-1x4',
];

/** Every scenario, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'echo-deep',
    title: 'Echo, 4 in flight per client',
    kind: 'load',
    metric: 'messagesPerSecond',
    load: { mode: 'echo', pipeline: 4 },
  },
  {
    name: 'echo-shallow',
    title: 'Echo, 1 in flight per client',
    kind: 'load',
    metric: 'messagesPerSecond',
    load: { mode: 'echo' },
  },
  {
    name: 'echo-4k',
    title: 'Echo of 4 KB, 4 in flight per client',
    kind: 'load',
    metric: 'messagesPerSecond',
    load: { mode: 'echo', pipeline: 4, size: 4096 },
  },
  {
    name: 'echo-2000',
    title: 'Echo, 2,000 clients, 1 in flight each',
    kind: 'load',
    metric: 'messagesPerSecond',
    load: { mode: 'echo', connections: 2000 },
  },
  {
    name: 'uid',
    title: 'To a uid, 4 in flight per client',
    kind: 'load',
    metric: 'messagesPerSecond',
    load: { mode: 'uid', pipeline: 4 },
  },
  {
    name: 'group-20',
    title: 'To a group of 200, 20 senders',
    kind: 'load',
    metric: 'messagesPerSecond',
    load: { mode: 'group', members: 200, senders: 20 },
  },
  {
    name: 'group-1',
    title: 'To a group of 200, 1 sender',
    kind: 'load',
    metric: 'messagesPerSecond',
    load: { mode: 'group', members: 200, senders: 1 },
  },
  {
    name: 'latency-10k',
    title: 'Latency at 10,000 messages/s',
    kind: 'load',
    metric: 'p99Ms',
    load: { mode: 'echo', rate: 10_000 },
  },
  {
    name: 'connect',
    title: '5,000 clients connect, with onConnect',
    kind: 'connect',
    metric: 'connectionsPerSecond',
    load: { mode: 'idle', connections: 5000 },
  },
  {
    name: 'idle-10k',
    title: 'Memory of 10,000 idle clients',
    kind: 'idle',
    metric: 'bytesPerConnection',
    load: { mode: 'idle', connections: 10_000 },
  },
  {
    name: 'push-uid',
    title: 'Pushed from outside to 10,000 uids',
    kind: 'push',
    metric: 'messagesPerSecond',
    load: { mode: 'receive', connections: 10_000 },
  },
  {
    name: 'broadcast-10k',
    title: 'To a group of 10,000, 4 times a second',
    kind: 'load',
    metric: 'p99Ms',
    load: { mode: 'group', connections: 10_000, members: 10_000, senders: 1, rate: 4 },
  },
  {
    name: 'echo-quiet',
    title: 'Echo, 1,000 a second, nothing else',
    kind: 'load',
    metric: 'p99Ms',
    load: { ...beside, mode: 'echo' },
  },
  {
    name: 'echo-broadcast',
    title: 'The same while 10,000 others get broadcasts',
    kind: 'load',
    metric: 'p99Ms',
    load: { ...beside, mode: 'echo' },
    beside: { mode: 'group', connections: 10_000, members: 10_000, senders: 1, rate: 1 },
  },
  {
    name: 'echo-large',
    title: 'The same while 4 others echo 60 KB each',
    kind: 'load',
    metric: 'p99Ms',
    load: { ...beside, mode: 'echo' },
    beside: { mode: 'echo', connections: 4, size: 60_000 },
  },
  {
    name: 'uid-gateways',
    title: 'To a uid, with 1 to 8 gateways and 1 to 4 workers',
    kind: 'load',
    metric: 'cpuMicrosPerMessage',
    load: { mode: 'uid', pipeline: 4 },
    contenders: growing,
  },
  {
    name: 'group-gateways',
    title: 'To a group of two, with 1 to 8 gateways and 1 to 4 workers',
    kind: 'load',
    metric: 'cpuMicrosPerMessage',
    load: { mode: 'group', members: 2, senders: 2, pipeline: 16 },
    contenders: growing,
  },
];
