import {
  assertInteger,
  assertName,
  assertNonEmptyString,
  assertOneOf,
  assertOptionsObject,
  assertPort,
  assertSecretKey,
  assertString,
  assertZeroOrNumber,
  deepFreeze,
  OptionError,
  parseHostPort,
  type RegisterAddress,
  rejectUnknownKeys,
  resolveRegisterAddresses,
} from '@gatewayworker/core';
import { type SlowConsumerPolicy, slowConsumerPolicies } from './client-sender.ts';
import { type Router, routerNames } from './worker-router.ts';

/** Options of a gateway. */
export interface GatewayOptions {
  /** Where clients connect, `websocket://host:port`. All processes of the gateway share the port. */
  readonly listen: string;
  /** Shown in the status and in logs; `ctx.gatewayName` in events. @default 'gateway' */
  readonly name?: string;
  /** Number of processes, 1 to 1024. @default 1 */
  readonly count?: number;
  /** Address of this machine that workers dial. @default '127.0.0.1' */
  readonly lanIp?: string;
  /**
   * First port for inner links: process number `id` takes `startPort + id`; 0 takes free ones.
   * @default 2000
   */
  readonly startPort?: number;
  /** Register or registers to announce this gateway to. @default '127.0.0.1:1236' */
  readonly registerAddress?: RegisterAddress;
  /** Shared by every process of the cluster; required when `lanIp` is not a loopback address. @default '' */
  readonly secretKey?: string;
  /** Longest message a client may send, in bytes; a longer one closes it with 1009. @default 1048576 */
  readonly maxMessageBytes?: number;
  /** Unsent bytes per client past which it counts as too slow and is closed with 1013. @default 1024000 */
  readonly sendToClientBufferSize?: number;
  /** Unsent bytes per worker link past which reading from its clients pauses. @default 10240000 */
  readonly sendToWorkerBufferSize?: number;
  /** Events of one client that may wait for their handlers; past it reading from the client pauses. @default 64 */
  readonly maxEventsInFlight?: number;
  /** Bytes of client events held while no worker is linked; past it reading from clients pauses. @default 67108864 */
  readonly maxHeldBytes?: number;
  /** Seconds between two looks at a client for signs of life, 0.05 to 86,400; 0 never looks. @default 25 */
  readonly pingInterval?: number;
  /**
   * Intervals of silence after which a client is gone, 0 to 1000; 0 sends pings and never gives up.
   * @default 2
   */
  readonly pingNotResponseLimit?: number;
  /** Sent as a text message at every look; empty sends a websocket ping, and nothing by other protocols. @default '' */
  readonly pingData?: string;
  /** Messages per second that a client may send; past it it is closed with 1008. 0 sets no limit. @default 0 */
  readonly maxMessagesPerSecond?: number;
  /** What happens to a client that is too slow: it is closed, or messages to it are dropped. @default 'close' */
  readonly slowConsumer?: SlowConsumerPolicy;
  /** Time a client has from its connection until it is let in, in milliseconds, 100 to 3,600,000. @default 10000 */
  readonly handshakeTimeoutMs?: number;
  /** How the worker of a client is chosen. @default 'leastConnections' */
  readonly router?: Router;
}

/** Gateway options with every default filled in. */
export type ResolvedGatewayOptions = Required<GatewayOptions>;

/** Defaults of a gateway; `listen` has none. */
export const gatewayDefaults: Omit<ResolvedGatewayOptions, 'listen'> = Object.freeze({
  name: 'gateway',
  count: 1,
  lanIp: '127.0.0.1',
  startPort: 2000,
  registerAddress: '127.0.0.1:1236',
  secretKey: '',
  maxMessageBytes: 1_048_576,
  sendToClientBufferSize: 1_024_000,
  sendToWorkerBufferSize: 10_240_000,
  maxEventsInFlight: 64,
  maxHeldBytes: 67_108_864,
  pingInterval: 25,
  pingNotResponseLimit: 2,
  pingData: '',
  maxMessagesPerSecond: 0,
  slowConsumer: 'close',
  handshakeTimeoutMs: 10_000,
  router: 'leastConnections',
});

/**
 * Merges options with the defaults, checks and freezes them.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 */
export function resolveGatewayOptions(options: GatewayOptions): ResolvedGatewayOptions {
  assertOptionsObject('Gateway', options);
  rejectUnknownKeys('Gateway', options, ['listen', ...Object.keys(gatewayDefaults)]);
  const resolved = { ...gatewayDefaults, ...options };
  parseListenAddress(resolved.listen);
  assertName('Gateway.name', resolved.name);
  assertInteger('Gateway.count', resolved.count, { min: 1, max: 1024 });
  assertNonEmptyString('Gateway.lanIp', resolved.lanIp);
  if (resolved.lanIp === '0.0.0.0' || resolved.lanIp === '::') {
    throw new OptionError('Gateway.lanIp', resolved.lanIp, 'allowed: an address others can dial');
  }
  assertInnerPorts(resolved);
  resolveRegisterAddresses('Gateway.registerAddress', resolved.registerAddress);
  assertSecretKey('Gateway', resolved.secretKey, resolved.lanIp);
  const bytes = { min: 1024, max: 1_073_741_824 };
  // A message must fit into one inner frame beside its header.
  assertInteger('Gateway.maxMessageBytes', resolved.maxMessageBytes, { min: 1, max: 16_777_216 });
  assertInteger('Gateway.sendToClientBufferSize', resolved.sendToClientBufferSize, bytes);
  assertInteger('Gateway.sendToWorkerBufferSize', resolved.sendToWorkerBufferSize, bytes);
  assertInteger('Gateway.maxEventsInFlight', resolved.maxEventsInFlight, { min: 1, max: 65_536 });
  assertInteger('Gateway.maxHeldBytes', resolved.maxHeldBytes, bytes);
  assertZeroOrNumber('Gateway.pingInterval', resolved.pingInterval, { min: 0.05, max: 86_400 });
  assertInteger('Gateway.pingNotResponseLimit', resolved.pingNotResponseLimit, {
    min: 0,
    max: 1000,
  });
  assertString('Gateway.pingData', resolved.pingData);
  const rate = { min: 0, max: 1_000_000 };
  assertInteger('Gateway.maxMessagesPerSecond', resolved.maxMessagesPerSecond, rate);
  assertOneOf('Gateway.slowConsumer', resolved.slowConsumer, slowConsumerPolicies);
  const handshake = { min: 100, max: 3_600_000 };
  assertInteger('Gateway.handshakeTimeoutMs', resolved.handshakeTimeoutMs, handshake);
  assertRouter(resolved.router);
  return deepFreeze(resolved);
}

function assertRouter(router: unknown): void {
  if (typeof router === 'function' || routerNames.some((name) => name === router)) return;
  const allowed = `allowed: ${routerNames.join(', ')}, or a function`;
  throw new OptionError('Gateway.router', router, allowed);
}

function assertInnerPorts({ startPort, count }: { startPort: number; count: number }): void {
  assertPort('Gateway.startPort', startPort);
  if (startPort + count - 1 <= 65_535) return;
  const last = 65_536 - count;
  throw new OptionError(
    'Gateway.startPort',
    startPort,
    `allowed: 0 to ${last} with count ${count}`,
  );
}

/** Protocol, host and port of the address that clients connect to. */
export interface ListenAddress {
  readonly protocol: 'websocket';
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
}

/**
 * Reads `websocket://host:port`.
 *
 * @throws {GW_ERR_OPTION_INVALID} when the protocol is unknown or the rest is not `host:port`
 */
export function parseListenAddress(listen: unknown): ListenAddress {
  const match = typeof listen === 'string' ? /^websocket:\/\/(.+)$/.exec(listen) : null;
  if (match === null) {
    const allowed = 'allowed: websocket://host:port, such as websocket://0.0.0.0:8282';
    throw new OptionError('Gateway.listen', listen, allowed);
  }
  return { protocol: 'websocket', ...parseHostPort('Gateway.listen', match[1]) };
}
