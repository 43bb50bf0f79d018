import type { LoadPlan } from './load/load-plan.ts';

/** Main figure of a scenario, shown in its chart. */
export type Metric =
  | 'messagesPerSecond'
  | 'cpuMicrosPerMessage'
  | 'p99Ms'
  | 'connectionsPerSecond'
  | 'bytesPerConnection';

/** A scenario: what is measured under which load. */
export interface Scenario {
  /** Name on the command line. */
  readonly name: string;
  readonly title: string;
  /**
   * - `load`: clients send messages
   * - `connect`: clients connect, and the application greets each one
   * - `idle`: clients stay idle; their memory is measured
   * - `push`: a process outside of the cluster sends to clients
   */
  readonly kind: 'load' | 'connect' | 'idle' | 'push';
  readonly metric: Metric;
  /** Differences from `defaultLoad`. */
  readonly load: Partial<LoadPlan> & Pick<LoadPlan, 'mode'>;
  /** Additional load on the same server, whose own figures are not shown. */
  readonly background?: Partial<LoadPlan> & Pick<LoadPlan, 'mode'>;
  /** Own contenders. @default `defaultContenders` */
  readonly contenders?: readonly string[];
}

/** Defaults of a load. */
export const defaultLoad = {
  connections: 200,
  pipeline: 1,
  size: 64,
  members: 0,
  senders: 0,
  rate: 0,
} as const;

/** Contenders of every scenario without its own. */
export const defaultContenders: readonly string[] = [
  'raw-ws',
  'gatewayworker-1x1',
  'gatewayworker-2x2',
  'socket.io-2',
  'net',
  'bun',
];

/** Messages in flight while they are pushed from outside. */
export const PUSH_WINDOW = 1000;

/** Load of clients that must not be affected by a background load. */
const foreground = { connections: 100, rate: 1000 } as const;

const clusterSizes = [
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
    load: { ...foreground, mode: 'echo' },
  },
  {
    name: 'echo-broadcast',
    title: 'The same while 10,000 others get broadcasts',
    kind: 'load',
    metric: 'p99Ms',
    load: { ...foreground, mode: 'echo' },
    background: { mode: 'group', connections: 10_000, members: 10_000, senders: 1, rate: 1 },
  },
  {
    name: 'echo-large',
    title: 'The same while 4 others echo 60 KB each',
    kind: 'load',
    metric: 'p99Ms',
    load: { ...foreground, mode: 'echo' },
    background: { mode: 'echo', connections: 4, size: 60_000 },
  },
  {
    name: 'uid-gateways',
    title: 'To a uid, with 1 to 8 gateways and 1 to 4 workers',
    kind: 'load',
    metric: 'cpuMicrosPerMessage',
    load: { mode: 'uid', pipeline: 4 },
    contenders: clusterSizes,
  },
  {
    name: 'group-gateways',
    title: 'To a group of two, with 1 to 8 gateways and 1 to 4 workers',
    kind: 'load',
    metric: 'cpuMicrosPerMessage',
    load: { mode: 'group', members: 2, senders: 2, pipeline: 16 },
    contenders: clusterSizes,
  },
];
