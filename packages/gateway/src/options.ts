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
import { type ResumeOptions, resolveResume, resumeDefaults } from './resume/resume-options.ts';
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
   * Address for clients: `websocket://host:port`, `text://`, `frame://`, `tcp://`, or any other scheme with the
   * `protocol` option. All processes of the gateway share the port.
   */
  readonly listen: string;
  /** Shown in the status and in logs; `ctx.gatewayName` in events. @default 'gateway' */
  readonly name?: string;
  /** Number of processes, 1 to 1024. @default 1 */
  readonly count?: number;
  /** Address of this machine that workers dial. @default '127.0.0.1' */
  readonly lanIp?: string;
  /**
   * First port for inner links: process number `id` uses `startPort + id`; 0 means free ports.
   * @default 2000
   */
  readonly startPort?: number;
  /**
   * Address to bind for inner links, `host` or `host:port`, if it differs from the address that workers dial: `0.0.0.0`
   * in a container or behind NAT. Process number `id` binds `port + id`; with port 0 it binds a free port, which
   * workers then dial. Empty means `lanIp` and `startPort`. @default ''
   */
  readonly innerListen?: string;
  /** Register, registers or etcd to announce this gateway to. @default '127.0.0.1:1236' */
  readonly registerAddress?: RegisterAddress;
  /** The key of the cluster; required if inner links are accepted on an address that is not a loopback address. With lists, two processes need one key in common. @default '' */
  readonly secretKey?: SecretKey;
  /** TLS of inner links; mutual if `ca` is set. @default none */
  readonly innerTls?: InnerTlsOptions;
  /** Longest message of a client, in bytes; a longer one closes the client with 1009 and a reason that names the limit. @default 1048576 */
  readonly maxMessageBytes?: number;
  /** Unsent bytes per client; a client that has as many when the next message is sent is a slow consumer, see `slowConsumer`. @default 1024000 */
  readonly sendToClientBufferSize?: number;
  /** Unsent bytes per worker link; above it reading from its clients pauses. @default 10240000 */
  readonly sendToWorkerBufferSize?: number;
  /** Unacknowledged events of one client; at this number reading from the client pauses. @default 64 */
  readonly maxEventsInFlight?: number;
  /** Unacknowledged events of all clients at one worker, for each gateway process. At this number reading from clients that send more pauses. @default 65536 */
  readonly maxEventsInFlightPerWorker?: number;
  /**
   * Bytes of the unacknowledged messages of one client; at this number reading from the client pauses. One message of
   * any size is always accepted.
   * @default 4194304
   */
  readonly maxEventBytesInFlight?: number;
  /** Bytes of the unacknowledged messages of all clients at one worker, for each gateway process. At this number reading from clients that send more pauses. @default 67108864 */
  readonly maxEventBytesInFlightPerWorker?: number;
  /** Bytes of events that are held while no worker is available, for each route; above it reading from clients pauses. @default 67108864 */
  readonly maxHeldBytes?: number;
  /**
   * Time that events of a client are held while no worker of its route is linked, in milliseconds, 0 to 86,400,000;
   * then the client is closed with 1013. 0 means no limit.
   * @default 30000
   */
  readonly maxHeldMs?: number;
  /** Interval of the heartbeat check of each client in seconds, 0.05 to 86,400; 0 disables it. @default 25 */
  readonly pingInterval?: number;
  /**
   * Intervals without a byte from the client after which its connection is dropped, 0 to 1000; 0 sends pings and never
   * drops the connection.
   * @default 2
   */
  readonly pingNotResponseLimit?: number;
  /** Text message that is sent at every check. Empty means a websocket ping, and nothing for other protocols. @default '' */
  readonly pingData?: string;
  /** Messages per second of one client; above it the client is closed with 1008. 0 means no limit. @default 0 */
  readonly maxMessagesPerSecond?: number;
  /** Effect on a slow consumer: it is closed with 1013, or messages to it are dropped. @default 'close' */
  readonly slowConsumer?: SlowConsumerPolicy;
  /** Time for a client to send its handshake, and after that time for `onHandshake` to decide, in milliseconds. @default 10000 */
  readonly handshakeTimeoutMs?: number;
  /** Your own protocol, for a `listen` address with a scheme that is not built in. @default none */
  readonly protocol?: ClientProtocol;
  /** TLS for clients of any protocol; `wss` for websockets. @default none */
  readonly tls?: TlsOptions;
  /**
   * Compresses messages to websocket clients that offer it (permessage-deflate), each message separately.
   * @default false
   */
  readonly perMessageDeflate?: boolean | DeflateOptions;
  /** Subprotocols of websockets; the gateway chooses the first one that the client offers. @default [] */
  readonly subprotocols?: readonly string[];
  /**
   * Origins of pages whose websockets are accepted, such as `https://example.com` or `https://*.example.com`; others
   * get 403. An empty list accepts all. @default []
   */
  readonly allowedOrigins?: readonly string[];
  /** Clients of one process, 1 to 10,000,000; above it websockets get 503, clients of other protocols are closed. 1,024 more may be in their handshake; further connections are closed at once. @default 100000 */
  readonly maxConnections?: number;
  /** Connections of one process from one IP address, or from one IPv6 /64 network, including those in their handshake; above it websockets get 429, clients of other protocols are closed. 0 means no limit. @default 0 */
  readonly maxConnectionsPerIp?: number;
  /**
   * Proxies whose `X-Forwarded-For` and PROXY header are used: all, none, or addresses and networks.
   * @default false
   */
  readonly trustProxy?: TrustProxy;
  /**
   * Every connection comes from a trusted proxy and begins with a PROXY protocol header, version 1 or 2.
   * @default false
   */
  readonly proxyProtocol?: boolean;
  /**
   * Maps a websocket path to the `name` of the BusinessWorker that serves its clients:
   * `{ '/chat': 'chat-worker', '/game': 'game-worker' }`. Other paths get 404.
   * @default none
   */
  readonly routes?: Readonly<Record<string, string>>;
  /** Chooses the worker of a client among those of its route. @default 'leastConnections' */
  readonly router?: Router;
  /**
   * Clients with the client protocol `gatewayworker.1` keep their session when their connection ends, and resume it.
   * Websockets only; `false` disables it. @default { windowMs: 120000, ringBytes: 67108864, maxParked: 100000 }
   */
  readonly resume?: ResumeOptions | false;
  /**
   * Idle clients that one process moves per second from the worker with the most clients to the one with the fewest,
   * 0 to 1000; 0 disables it. Only with the router `'leastConnections'`.
   * @default 100
   */
  readonly rebalancePerSecond?: number;
}

/** Gateway options with all defaults. */
export interface ResolvedGatewayOptions
  extends Required<Omit<GatewayOptions, 'protocol' | 'tls' | 'innerTls' | 'routes' | 'resume'>> {
  readonly resume: Required<ResumeOptions> | false;
  readonly protocol: ClientProtocol | undefined;
  readonly tls: TlsOptions | undefined;
  readonly innerTls: InnerTlsOptions | undefined;
  readonly routes: Readonly<Record<string, string>> | undefined;
}

/** Defaults of the gateway options. `listen` is required. */
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
  resume: resumeDefaults,
  rebalancePerSecond: 100,
});

/**
 * Merges the options with the defaults, and checks and freezes the result.
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
  const resume = resolveResume(rest.resume);
  const resolved = { ...gatewayDefaults, ...rest, resume };
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
  // A message and its header must fit into one inner frame.
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
  // Objects of the application are not frozen: a custom protocol may have state.
  const copied = routes && Object.freeze({ ...routes });
  // Rebalancing would override the choices of other routers.
  const rebalancePerSecond =
    resolved.router === 'leastConnections' ? resolved.rebalancePerSecond : 0;
  const others = { protocol, tls, innerTls, routes: copied, rebalancePerSecond };
  return Object.freeze({ ...deepFreeze(resolved), ...others });
}

/**
 * Returns the address on which the first process of a gateway accepts inner links.
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
  // Peers cannot dial a wildcard address.
  if (typeof lanIp === 'string' && isHost(lanIp) && !isWildcard(lanIp)) return;
  const allowed = 'allowed: an IP address or a host name that workers can dial';
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
