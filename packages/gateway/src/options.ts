import {
  assertInteger,
  assertName,
  assertOneOf,
  assertOptionsObject,
  assertPort,
  assertSecretKey,
  assertString,
  assertZeroOrNumber,
  canonicalAddress,
  deepFreeze,
  givenSecretKey,
  type HostPort,
  type InnerTlsOptions,
  isWildcard,
  OptionError,
  parseHostPort,
  rejectUnknownKeys,
  resolveInnerTls,
  type SecretKey,
  withoutUndefined,
} from '@gatewayworker/core';
import { parseDiscoveryAddress, type RegisterAddress } from '@gatewayworker/discovery';
import { type SlowConsumerPolicy, slowConsumerPolicies } from './clients/client-sender.ts';
import { assertRoutes } from './routes/route-options.ts';
import type { ClientProtocol } from './transports/client-protocol.ts';
import { isHost, parseListenAddress } from './transports/listen-address.ts';
import { normalizeOrigin } from './transports/origin-list.ts';
import { resolveTls, type TlsOptions } from './transports/tls-options.ts';
import { TrustedProxies, type TrustProxy } from './transports/trusted-proxies.ts';
import type { DeflateOptions } from './transports/websocket-transport.ts';
import { type Router, routerNames } from './workers/worker-router.ts';

/** Options of a gateway. */
export interface GatewayOptions {
  /**
   * Where clients connect: `websocket://host:port`, `text://`, `frame://`, `tcp://`, or any other scheme
   * with the `protocol` option. All processes of the gateway share the port.
   */
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
  /**
   * Where inner links are accepted, `host` or `host:port`, when that is not where workers dial:
   * `0.0.0.0` in a container or behind NAT. Process number `id` takes `port + id`, or with port 0 a free
   * one, which is then the one that workers dial; empty is `lanIp` and `startPort`. @default ''
   */
  readonly innerListen?: string;
  /** Register, registers or etcd to announce this gateway to. @default '127.0.0.1:1236' */
  readonly registerAddress?: RegisterAddress;
  /** Shared by every process of the cluster; required when inner links are accepted on an address that is not a loopback one. Of several keys, one that both peers have is enough. @default '' */
  readonly secretKey?: SecretKey;
  /** TLS of inner links; mutual when it has a `ca`. @default none */
  readonly innerTls?: InnerTlsOptions;
  /** Longest message a client may send, in bytes; a longer one closes it with 1009 and a reason that names the limit. @default 1048576 */
  readonly maxMessageBytes?: number;
  /** Unsent bytes per client past which it counts as too slow and is closed with 1013. @default 1024000 */
  readonly sendToClientBufferSize?: number;
  /** Unsent bytes per worker link past which reading from its clients pauses. @default 10240000 */
  readonly sendToWorkerBufferSize?: number;
  /** Events of one client that may wait for their handlers; past it reading from the client pauses. @default 64 */
  readonly maxEventsInFlight?: number;
  /** Events of all clients that each gateway process may have in flight at one worker; past it reading from clients that send more pauses. @default 65536 */
  readonly maxEventsInFlightPerWorker?: number;
  /**
   * Bytes of the messages of one client that may wait for their handlers; past it reading from the client pauses. One
   * message is always taken, whatever its size.
   * @default 4194304
   */
  readonly maxEventBytesInFlight?: number;
  /** Bytes of the messages of all clients that each gateway process may have in flight at one worker; past it reading from clients that send more pauses. @default 67108864 */
  readonly maxEventBytesInFlightPerWorker?: number;
  /** Bytes of client events held while no worker takes them, for each route by itself; past it reading from clients pauses. @default 67108864 */
  readonly maxHeldBytes?: number;
  /**
   * Time that events of a client wait while no worker of its route is linked, in milliseconds, 0 to 86,400,000; then it
   * is closed with 1013. 0 sets no limit.
   * @default 30000
   */
  readonly maxHeldMs?: number;
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
  /** Time a client has to send its handshake, and then again time that `onHandshake` has, in milliseconds. @default 10000 */
  readonly handshakeTimeoutMs?: number;
  /** A protocol of your own, for a `listen` of any scheme that is not built in. @default none */
  readonly protocol?: ClientProtocol;
  /** TLS for clients, whatever the protocol; `wss` with a websocket. @default none */
  readonly tls?: TlsOptions;
  /**
   * Compress messages to websocket clients that offer it (permessage-deflate), each by itself.
   * @default false
   */
  readonly perMessageDeflate?: boolean | DeflateOptions;
  /** Subprotocols of websockets; the first that the client offers is chosen, if it offers any. @default [] */
  readonly subprotocols?: readonly string[];
  /**
   * Origins of pages whose websockets are let in, such as `https://example.com` or `https://*.example.com`;
   * others get 403. An empty list lets all in. @default []
   */
  readonly allowedOrigins?: readonly string[];
  /** Clients that one process takes, 1 to 10,000,000; past it websockets get 503, others are closed. 1,024 more may be in their handshake; further connections are closed at once. @default 100000 */
  readonly maxConnections?: number;
  /** Connections that one process takes from one address, of IPv6 from one /64, those in their handshake included; past it websockets get 429, others are closed. 0 sets no limit. @default 0 */
  readonly maxConnectionsPerIp?: number;
  /**
   * Proxies whose `X-Forwarded-For` and PROXY header count: all, none, or addresses and networks.
   * @default false
   */
  readonly trustProxy?: TrustProxy;
  /**
   * Every connection comes by a trusted proxy that sends a PROXY protocol header first, version 1 or 2.
   * @default false
   */
  readonly proxyProtocol?: boolean;
  /**
   * Websocket paths, and the `name` of the BusinessWorker that serves the clients of each:
   * `{ '/chat': 'chat-worker', '/game': 'game-worker' }`. Other paths get 404.
   * @default none
   */
  readonly routes?: Readonly<Record<string, string>>;
  /** How the worker of a client is chosen, among those of its route. @default 'leastConnections' */
  readonly router?: Router;
  /**
   * Idle clients that one process moves per second from the worker with the most clients to the one with the fewest,
   * 0 to 1000; 0 moves none. Only with the router `'leastConnections'`.
   * @default 100
   */
  readonly rebalancePerSecond?: number;
}

/** Gateway options with every default filled in. */
export interface ResolvedGatewayOptions
  extends Required<Omit<GatewayOptions, 'protocol' | 'tls' | 'innerTls' | 'routes'>> {
  readonly protocol: ClientProtocol | undefined;
  readonly tls: TlsOptions | undefined;
  readonly innerTls: InnerTlsOptions | undefined;
  readonly routes: Readonly<Record<string, string>> | undefined;
}

/** Defaults of a gateway; `listen` has none. */
export const gatewayDefaults: Omit<
  ResolvedGatewayOptions,
  'listen' | 'protocol' | 'tls' | 'innerTls' | 'routes'
> = Object.freeze({
  name: 'gateway',
  count: 1,
  lanIp: '127.0.0.1',
  startPort: 2000,
  innerListen: '',
  registerAddress: '127.0.0.1:1236',
  secretKey: '',
  maxMessageBytes: 1_048_576,
  sendToClientBufferSize: 1_024_000,
  sendToWorkerBufferSize: 10_240_000,
  maxEventsInFlight: 64,
  maxEventsInFlightPerWorker: 65_536,
  maxEventBytesInFlight: 4_194_304,
  maxEventBytesInFlightPerWorker: 67_108_864,
  maxHeldBytes: 67_108_864,
  maxHeldMs: 30_000,
  pingInterval: 25,
  pingNotResponseLimit: 2,
  pingData: '',
  maxMessagesPerSecond: 0,
  slowConsumer: 'close',
  handshakeTimeoutMs: 10_000,
  perMessageDeflate: false,
  subprotocols: Object.freeze([]),
  allowedOrigins: Object.freeze([]),
  maxConnections: 100_000,
  maxConnectionsPerIp: 0,
  trustProxy: false,
  proxyProtocol: false,
  router: 'leastConnections',
  rebalancePerSecond: 100,
});

/**
 * Merges options with the defaults, checks and freezes them.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 */
export function resolveGatewayOptions(options: GatewayOptions): ResolvedGatewayOptions {
  assertOptionsObject('Gateway', options);
  const known = [
    'listen',
    'protocol',
    'tls',
    'innerTls',
    'routes',
    ...Object.keys(gatewayDefaults),
  ];
  rejectUnknownKeys('Gateway', options, known);
  const { protocol, routes, ...given } = withoutUndefined(options);
  const { tls: clientTls, innerTls: linkTls, ...rest } = given;
  const resolved = { ...gatewayDefaults, ...rest };
  assertProtocol(protocol);
  const { scheme } = parseListenAddress(resolved.listen, protocol !== undefined);
  assertRoutes(routes, scheme);
  const tls = clientTls && resolveTls(clientTls);
  const innerTls = resolveInnerTls('Gateway', linkTls, true);
  assertName('Gateway.name', resolved.name);
  assertInteger('Gateway.count', resolved.count, { min: 1, max: 1024 });
  assertLanIp(resolved.lanIp);
  assertInnerPorts(resolved);
  parseDiscoveryAddress('Gateway.registerAddress', resolved.registerAddress);
  assertSecretKey('Gateway', givenSecretKey(options), innerListenAddress(resolved).host);
  const bytes = { min: 1024, max: 1_073_741_824 };
  // A message must fit into one inner frame beside its header.
  assertInteger('Gateway.maxMessageBytes', resolved.maxMessageBytes, { min: 1, max: 16_777_216 });
  assertInteger('Gateway.sendToClientBufferSize', resolved.sendToClientBufferSize, bytes);
  assertInteger('Gateway.sendToWorkerBufferSize', resolved.sendToWorkerBufferSize, bytes);
  assertInteger('Gateway.maxEventsInFlight', resolved.maxEventsInFlight, { min: 1, max: 65_536 });
  const perWorker = { min: 1, max: 16_777_216 };
  assertInteger(
    'Gateway.maxEventsInFlightPerWorker',
    resolved.maxEventsInFlightPerWorker,
    perWorker,
  );
  assertInteger('Gateway.maxEventBytesInFlight', resolved.maxEventBytesInFlight, bytes);
  assertInteger(
    'Gateway.maxEventBytesInFlightPerWorker',
    resolved.maxEventBytesInFlightPerWorker,
    bytes,
  );
  assertInteger('Gateway.maxHeldBytes', resolved.maxHeldBytes, bytes);
  assertInteger('Gateway.maxHeldMs', resolved.maxHeldMs, { min: 0, max: 86_400_000 });
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
  const moves = { min: 0, max: 1000 };
  assertInteger('Gateway.rebalancePerSecond', resolved.rebalancePerSecond, moves);
  assertClientOptions(resolved);
  // The application's own objects stay as they are: a protocol may change itself.
  const copied = routes && Object.freeze({ ...routes });
  // Any other router chooses with intent.
  const rebalancePerSecond =
    resolved.router === 'leastConnections' ? resolved.rebalancePerSecond : 0;
  const others = { protocol, tls, innerTls, routes: copied, rebalancePerSecond };
  return Object.freeze({ ...deepFreeze(resolved), ...others });
}

/**
 * Answers where the first process of a gateway accepts inner links.
 *
 * @throws {GW_ERR_OPTION_INVALID} when `innerListen` is neither a host nor `host:port`
 */
export function innerListenAddress(
  options: Pick<ResolvedGatewayOptions, 'innerListen' | 'lanIp' | 'startPort' | 'count'>,
): HostPort {
  const { innerListen, lanIp, startPort, count } = options;
  assertString('Gateway.innerListen', innerListen);
  const host = innerListen === '' ? lanIp : innerListen;
  if (isHost(host)) return { host: canonicalAddress(host) ?? host, port: startPort };
  const address = parseHostPort('Gateway.innerListen', innerListen);
  if (address.port + count - 1 <= 65_535) return address;
  const allowed = `allowed: a port of 0 to ${65_536 - count} with count ${count}`;
  throw new OptionError('Gateway.innerListen', innerListen, allowed);
}

function assertLanIp(lanIp: unknown): void {
  // Peers cannot dial a wildcard.
  if (typeof lanIp === 'string' && isHost(lanIp) && !isWildcard(lanIp)) return;
  const allowed = 'allowed: an IP address or a host name that others can dial';
  throw new OptionError('Gateway.lanIp', lanIp, allowed);
}

function assertProtocol(protocol: unknown): void {
  if (protocol === undefined) return;
  const hasBoth = ['decode', 'encode'].every(
    (method) =>
      typeof protocol === 'object' &&
      protocol !== null &&
      typeof Reflect.get(protocol, method) === 'function',
  );
  if (hasBoth) return;
  throw new OptionError('Gateway.protocol', protocol, 'allowed: an object { decode, encode }');
}

function assertClientOptions(
  options: Omit<ResolvedGatewayOptions, 'protocol' | 'tls' | 'innerTls' | 'routes'>,
): void {
  assertDeflate(options.perMessageDeflate);
  const isToken = (entry: string): boolean => /^[\w!#$%&'*+.^`|~-]+$/.test(entry);
  assertStrings('Gateway.subprotocols', options.subprotocols, isToken, 'tokens');
  const isOrigin = (entry: string): boolean => normalizeOrigin(entry) !== undefined;
  assertStrings('Gateway.allowedOrigins', options.allowedOrigins, isOrigin, 'https://host[:port]');
  const connections = { min: 1, max: 10_000_000 };
  assertInteger('Gateway.maxConnections', options.maxConnections, connections);
  assertInteger('Gateway.maxConnectionsPerIp', options.maxConnectionsPerIp, {
    ...connections,
    min: 0,
  });
  new TrustedProxies(options.trustProxy);
  const { proxyProtocol, trustProxy } = options;
  if (typeof proxyProtocol !== 'boolean' || (proxyProtocol && trustProxy === false)) {
    const allowed = 'allowed: false, or true together with trustProxy';
    throw new OptionError('Gateway.proxyProtocol', proxyProtocol, allowed);
  }
}

function assertDeflate(value: unknown): void {
  if (typeof value === 'boolean') return;
  assertOptionsObject('Gateway.perMessageDeflate', value);
  rejectUnknownKeys('Gateway.perMessageDeflate', value, ['threshold']);
  const { threshold = 0 } = value as DeflateOptions;
  const range = { min: 0, max: 1_073_741_824 };
  assertInteger('Gateway.perMessageDeflate.threshold', threshold, range);
}

function assertStrings(
  option: string,
  value: unknown,
  isAllowed: (entry: string) => boolean,
  allowed: string,
): void {
  const isList =
    Array.isArray(value) && value.every((entry) => typeof entry === 'string' && isAllowed(entry));
  if (!isList) throw new OptionError(option, value, `allowed: a list of ${allowed}`);
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
