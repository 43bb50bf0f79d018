import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  GatewayOptions,
  RegisterAddress,
  RegisterOptions,
  RunOptions,
  TrustProxy,
} from 'gatewayworker';

type InnerTls = NonNullable<RegisterOptions['innerTls']>;

/** Settings of every role. */
export interface ClusterSettings {
  readonly secretKey: string | readonly string[];
  readonly innerTls?: InnerTls;
}

/** Environment variables: `process.env`, or those of a test. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads `GW_SECRET_KEY_FILE` or `GW_SECRET_KEY`, and the files of `GW_INNER_CERT_FILE` and the other TLS variables. */
export function readClusterSettings(environment: Environment): ClusterSettings {
  const tls = {
    cert: readPem(environment, 'GW_INNER_CERT_FILE'),
    key: readPem(environment, 'GW_INNER_KEY_FILE'),
    ca: readPem(environment, 'GW_INNER_CA_FILE'),
    servername: optional(environment, 'GW_INNER_SERVERNAME'),
  };
  const innerTls = withoutUndefined(tls);
  return {
    secretKey: readSecretKey(environment),
    ...(Object.keys(innerTls).length > 0 && { innerTls }),
  };
}

/** Reads `GW_REGISTER_ADDRESS`: registers separated by commas, or one `etcd://…` address, which may contain commas. */
export function readRegisterAddress(environment: Environment): RegisterAddress {
  const address = optional(environment, 'GW_REGISTER_ADDRESS') ?? '127.0.0.1:1236';
  return /^etcds?:/.test(address) ? address : list(address);
}

/** Reads the settings of the register: `GW_REGISTER_LISTEN`. */
export function readRegisterSettings(environment: Environment): Pick<RegisterOptions, 'listen'> {
  return { listen: optional(environment, 'GW_REGISTER_LISTEN') ?? '127.0.0.1:1236' };
}

/**
 * Reads the settings of gateways.
 *
 * @throws {RangeError} naming the variable, its value and what is allowed
 */
export function readGatewaySettings(environment: Environment): GatewayOptions {
  const trustProxy = optional(environment, 'GW_TRUST_PROXY');
  return {
    listen: optional(environment, 'GW_LISTEN') ?? 'websocket://0.0.0.0:8282',
    count: readInteger(environment, 'GW_COUNT', 1),
    lanIp: optional(environment, 'GW_LAN_IP') ?? '127.0.0.1',
    startPort: readInteger(environment, 'GW_START_PORT', 2900),
    innerListen: optional(environment, 'GW_INNER_LISTEN') ?? '',
    trustProxy: trustProxy === undefined ? false : readTrustProxy(trustProxy),
    proxyProtocol: readBoolean(environment, 'GW_PROXY_PROTOCOL'),
  };
}

/**
 * Reads the settings of workers: `GW_COUNT`.
 *
 * @throws {RangeError} naming the variable, its value and what is allowed
 */
export function readWorkerSettings(environment: Environment): { readonly count: number } {
  return { count: readInteger(environment, 'GW_COUNT', 1) };
}

/**
 * Reads files, probes and timeouts of a role.
 *
 * @param role - prefix of the file names, so that roles can share a folder
 * @throws {RangeError} naming the variable, its value and what is allowed
 */
export function readRunSettings(environment: Environment, role: string): RunOptions {
  const runDirectory = optional(environment, 'GW_RUN_DIR');
  return withoutUndefined({
    pidFile: runDirectory && join(runDirectory, `${role}.pid`),
    logFile: optional(environment, 'GW_LOG_FILE'),
    health: optional(environment, 'GW_HEALTH'),
    readyTimeoutMs: readInteger(environment, 'GW_READY_TIMEOUT_MS', 10_000),
    stopTimeoutMs: readInteger(environment, 'GW_STOP_TIMEOUT_MS', 20_000),
    // The service manager starts the next master, which attaches to the running processes.
    onMasterExit: 'keep',
  });
}

function readSecretKey(environment: Environment): string | readonly string[] {
  const file = optional(environment, 'GW_SECRET_KEY_FILE');
  if (file === undefined) return optional(environment, 'GW_SECRET_KEY') ?? '';
  // One key per line: there are two of them while the key is being changed.
  const keys = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (keys.length > 0) return keys;
  throw new RangeError(`GW_SECRET_KEY_FILE is '${file}', which is empty; allowed: a key per line`);
}

function readPem(environment: Environment, variable: string): string | undefined {
  const file = optional(environment, variable);
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}

function readTrustProxy(text: string): TrustProxy {
  return text === 'true' ? true : list(text);
}

function readBoolean(environment: Environment, variable: string): boolean {
  const text = optional(environment, variable) ?? 'false';
  if (text === 'true' || text === 'false') return text === 'true';
  throw new RangeError(`${variable} is '${text}'; allowed: true or false`);
}

function readInteger(environment: Environment, variable: string, fallback: number): number {
  const text = optional(environment, variable);
  if (text === undefined) return fallback;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new RangeError(`${variable} is '${text}'; allowed: a whole number`);
}

/** Treats an empty variable as unset, because compose files cannot unset one. */
function optional(environment: Environment, variable: string): string | undefined {
  return environment[variable]?.trim() || undefined;
}

function list(text: string): string[] {
  return text.split(',').map((entry) => entry.trim());
}

/** Removes `undefined` values: an option that is `undefined` differs from a missing one. */
function withoutUndefined<T extends object>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const present = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
