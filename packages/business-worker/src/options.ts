import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  assertInteger,
  assertName,
  assertOptionsObject,
  assertSecretKey,
  deepFreeze,
  givenSecretKey,
  type InnerTlsOptions,
  OptionError,
  rejectUnknownKeys,
  resolveInnerTls,
  type SecretKey,
  withoutUndefined,
} from '@gatewayworker/core';
import { parseDiscoveryAddress, type RegisterAddress } from '@gatewayworker/discovery';

/** Options of a business worker. */
export interface BusinessWorkerOptions {
  /**
   * Module that exports `Events` of the application: a `file:` URL or an absolute path. If it does not exist, the one
   * with the alternative extension is loaded: `.js` for `.ts`, `.mjs` for `.mts`, and the other way round.
   */
  readonly eventHandler: URL | string;
  /** Shown in the status and in logs. @default 'business-worker' */
  readonly name?: string;
  /** Number of processes, 1 to 1024. @default 1 */
  readonly count?: number;
  /** Register, registers or etcd for discovery of the gateways. @default '127.0.0.1:1236' */
  readonly registerAddress?: RegisterAddress;
  /**
   * Secret that every process of the cluster shares. Two peers with lists of keys need one key in common. @default ''
   */
  readonly secretKey?: SecretKey;
  /** TLS of inner links; a certificate is required if gateways and registers request one. @default none */
  readonly innerTls?: InnerTlsOptions;
  /** Unsent bytes per gateway link above which commands are refused and return false. @default 10240000 */
  readonly sendToGatewayBufferSize?: number;
  /** Timeout of a query in milliseconds, 1 to 3,600,000. @default 5000 */
  readonly queryTimeoutMs?: number;
  /**
   * True to redeliver the unacknowledged events of a process that dies to another one, with `ctx.redelivered`: each
   * event is handled at least once. Otherwise they are lost: at most once. @default false
   */
  readonly redeliver?: boolean;
}

/** Business worker options with every default filled in; `eventHandler` is a `file:` URL. */
export interface ResolvedBusinessWorkerOptions
  extends Required<Omit<BusinessWorkerOptions, 'innerTls'>> {
  readonly eventHandler: string;
  readonly innerTls: InnerTlsOptions | undefined;
}

/** Defaults of a business worker; `eventHandler` has none. */
export const businessWorkerDefaults: Omit<
  ResolvedBusinessWorkerOptions,
  'eventHandler' | 'innerTls'
> = Object.freeze({
  name: 'business-worker',
  count: 1,
  registerAddress: '127.0.0.1:1236',
  secretKey: '',
  sendToGatewayBufferSize: 10_240_000,
  queryTimeoutMs: 5000,
  redeliver: false,
});

/**
 * Merges options with the defaults, checks and freezes them.
 *
 * @throws {GW_ERR_OPTION_INVALID} with the option, its value and the allowed values
 */
export function resolveBusinessWorkerOptions(
  options: BusinessWorkerOptions,
): ResolvedBusinessWorkerOptions {
  assertOptionsObject('BusinessWorker', options);
  const known = ['eventHandler', 'innerTls', ...Object.keys(businessWorkerDefaults)];
  rejectUnknownKeys('BusinessWorker', options, known);
  const eventHandler = resolveEventHandler(options.eventHandler);
  const { innerTls, ...rest } = withoutUndefined(options);
  const resolved = { ...businessWorkerDefaults, ...rest, eventHandler };
  assertName('BusinessWorker.name', resolved.name);
  assertInteger('BusinessWorker.count', resolved.count, { min: 1, max: 1024 });
  parseDiscoveryAddress('BusinessWorker.registerAddress', resolved.registerAddress);
  assertSecretKey('BusinessWorker', givenSecretKey(options));
  const tls = resolveInnerTls('BusinessWorker', innerTls, false);
  const bytes = { min: 1024, max: 1_073_741_824 };
  assertInteger('BusinessWorker.sendToGatewayBufferSize', resolved.sendToGatewayBufferSize, bytes);
  const deadline = { min: 1, max: 3_600_000 };
  assertInteger('BusinessWorker.queryTimeoutMs', resolved.queryTimeoutMs, deadline);
  if (typeof resolved.redeliver !== 'boolean') {
    const allowed = 'allowed: true or false';
    throw new OptionError('BusinessWorker.redeliver', resolved.redeliver, allowed);
  }
  return Object.freeze({ ...deepFreeze(resolved), innerTls: tls });
}

function resolveEventHandler(value: unknown): string {
  const url = toFileUrl(value);
  if (url === undefined) {
    const allowed =
      "allowed: new URL('./events.ts', import.meta.url), or the absolute path of a module";
    const given = value instanceof URL ? value.href : value;
    throw new OptionError('BusinessWorker.eventHandler', given, allowed);
  }
  return url;
}

function toFileUrl(value: unknown): string | undefined {
  if (value instanceof URL) return value.protocol === 'file:' ? value.href : undefined;
  if (typeof value !== 'string') return undefined;
  if (isAbsolute(value)) return pathToFileURL(value).href;
  return URL.canParse(value) && value.startsWith('file:') ? value : undefined;
}
