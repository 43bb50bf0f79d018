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

/** Options of a Gateway API client. */
export interface GatewayClientOptions {
  /** Register, registers or etcd for discovery of the gateways. @default '127.0.0.1:1236' */
  readonly registerAddress?: RegisterAddress;
  /**
   * Secret that every process of the cluster shares. Two peers with lists of keys need one key in common. @default ''
   */
  readonly secretKey?: SecretKey;
  /** TLS of inner links; a certificate is required if gateways and registers request one. @default none */
  readonly innerTls?: InnerTlsOptions;
  /** Name of this process in the logs of the cluster. @default 'client' */
  readonly name?: string;
  /** Timeout of a query in milliseconds, 1 to 3,600,000. @default 5000 */
  readonly queryTimeoutMs?: number;
  /** Time that `connect` waits for a register and its gateways, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
  /** Unsent bytes per gateway link above which commands are refused and return false. @default 10240000 */
  readonly sendToGatewayBufferSize?: number;
}

/** Options of a Gateway API client with every default filled in. */
export interface ResolvedGatewayClientOptions
  extends Required<Omit<GatewayClientOptions, 'innerTls'>> {
  readonly innerTls: InnerTlsOptions | undefined;
}

/** Defaults of a Gateway API client. */
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
 * @throws {GW_ERR_OPTION_INVALID} with the option, its value and the allowed values
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
