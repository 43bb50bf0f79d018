import {
  assertInteger,
  assertName,
  assertOptionsObject,
  assertSecretKey,
  deepFreeze,
  givenSecretKey,
  type InnerTlsOptions,
  rejectUnknownKeys,
  resolveInnerTls,
  type SecretKey,
  withoutUndefined,
} from '@gatewayworker/core';
import { parseDiscoveryAddress, type RegisterAddress } from '@gatewayworker/discovery';

/** Options of a client of the Gateway API. */
export interface GatewayClientOptions {
  /** Register, registers or etcd to learn the gateways from. @default '127.0.0.1:1236' */
  readonly registerAddress?: RegisterAddress;
  /** Shared by every process of the cluster; of several keys, one that both peers have is enough. @default '' */
  readonly secretKey?: SecretKey;
  /** TLS of inner links; a certificate is needed when gateways and registers ask for one. @default none */
  readonly innerTls?: InnerTlsOptions;
  /** Names this process in the logs of the cluster. @default 'client' */
  readonly name?: string;
  /** Deadline of a query in milliseconds, 1 to 3,600,000. @default 5000 */
  readonly queryTimeoutMs?: number;
  /** Time that `connect` waits for a register and its gateways, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
  /** Unsent bytes per gateway link past which sends are refused and answer false. @default 10240000 */
  readonly sendToGatewayBufferSize?: number;
}

/** Client options with every default filled in. */
export interface ResolvedGatewayClientOptions
  extends Required<Omit<GatewayClientOptions, 'innerTls'>> {
  readonly innerTls: InnerTlsOptions | undefined;
}

/** Defaults of a client of the Gateway API. */
export const gatewayClientDefaults: Omit<ResolvedGatewayClientOptions, 'innerTls'> = Object.freeze({
  registerAddress: '127.0.0.1:1236',
  secretKey: '',
  name: 'client',
  queryTimeoutMs: 5000,
  connectTimeoutMs: 5000,
  sendToGatewayBufferSize: 10_240_000,
});

/**
 * Merges options with the defaults, checks and freezes them.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 */
export function resolveGatewayClientOptions(
  options: GatewayClientOptions = {},
): ResolvedGatewayClientOptions {
  assertOptionsObject('GatewayClient', options);
  const known = ['innerTls', ...Object.keys(gatewayClientDefaults)];
  rejectUnknownKeys('GatewayClient', options, known);
  const { innerTls, ...rest } = withoutUndefined(options);
  const resolved = { ...gatewayClientDefaults, ...rest };
  parseDiscoveryAddress('GatewayClient.registerAddress', resolved.registerAddress);
  assertSecretKey('GatewayClient', givenSecretKey(options));
  const tls = resolveInnerTls('GatewayClient', innerTls, false);
  assertName('GatewayClient.name', resolved.name);
  const time = { min: 1, max: 3_600_000 };
  assertInteger('GatewayClient.queryTimeoutMs', resolved.queryTimeoutMs, time);
  assertInteger('GatewayClient.connectTimeoutMs', resolved.connectTimeoutMs, time);
  const bytes = { min: 1024, max: 1_073_741_824 };
  assertInteger('GatewayClient.sendToGatewayBufferSize', resolved.sendToGatewayBufferSize, bytes);
  return Object.freeze({ ...deepFreeze(resolved), innerTls: tls });
}
