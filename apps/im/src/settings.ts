import { appFolder } from './folders.ts';

/** Settings of the messenger. */
export interface ImSettings {
  /** Address of the page and of the websocket; inner links use 127.0.0.1. */
  readonly host: string;
  /** Port of the page and the HTTP API. */
  readonly httpPort: number;
  /** Port of the websocket. */
  readonly socketPort: number;
  readonly registerAddress: string;
  /** First port for inner links, one per gateway process; 0 chooses free ones. */
  readonly innerPort: number;
  /** Number of gateway processes and of business workers. */
  readonly gateways: number;
  readonly workers: number;
  /** Shared by the processes of the cluster; may be empty if all are on one machine. */
  readonly secretKey: string;
  /** Folder of the embedded database and of the pictures. */
  readonly dataFolder: string;
  /** `postgres://…`; empty for the embedded database. */
  readonly databaseUrl: string;
  /** Origin of the page in browsers, such as `https://im.example`; empty: the Host header is used. */
  readonly origin: string;
  /** Addresses of proxies whose `X-Forwarded-For` is trusted. */
  readonly trustProxy: readonly string[];
  /** Cost of a password hash: scrypt with N = 2 to this power, r = 8, p = 3. */
  readonly passwordCost: number;
  /** Registrations per hour from one IPv4 address or IPv6 /64. */
  readonly registrationsPerHour: number;
}

/**
 * Reads the settings from environment variables, with a default for each.
 *
 * @throws {RangeError} when a variable is wrong, naming it, its value and what is allowed
 */
export function resolveImSettings(
  environment: Readonly<Record<string, string | undefined>>,
): ImSettings {
  const integer = (variable: string, fallback: number, [min, max]: readonly [number, number]) => {
    const value = environment[variable];
    if (value === undefined || value === '') return fallback;
    const number = Number(value);
    if (/^\d{1,9}$/.test(value) && number >= min && number <= max) return number;
    throw new RangeError(`${variable} is '${value}'; allowed: a number from ${min} to ${max}`);
  };
  const port = (variable: string, fallback: number) => integer(variable, fallback, [0, 65_535]);
  return {
    host: environment['IM_HOST'] || '127.0.0.1',
    httpPort: port('IM_PORT', 3002),
    socketPort: port('IM_SOCKET_PORT', 8284),
    registerAddress: `127.0.0.1:${port('IM_REGISTER_PORT', 1239)}`,
    innerPort: port('IM_INNER_PORT', 2920),
    gateways: integer('IM_GATEWAYS', 2, [1, 64]),
    workers: integer('IM_WORKERS', 2, [1, 64]),
    secretKey: environment['IM_SECRET_KEY'] ?? '',
    dataFolder: environment['IM_DATA'] || `${appFolder}data`,
    databaseUrl: parseDatabaseUrl(environment['DATABASE_URL']),
    origin: parseOrigin(environment['IM_ORIGIN']),
    trustProxy: (environment['IM_TRUST_PROXY'] ?? '').split(',').filter((entry) => entry !== ''),
    passwordCost: integer('IM_PASSWORD_COST', 15, [10, 20]),
    registrationsPerHour: integer('IM_REGISTRATIONS_PER_HOUR', 1200, [1, 1_000_000]),
  };
}

/** The error does not show the value, which contains a password. */
function parseDatabaseUrl(value = ''): string {
  if (value === '' || /^postgres(?:ql)?:\/\//.test(value)) return value;
  throw new RangeError('DATABASE_URL is wrong; allowed: a URL that begins with postgres://');
}

function parseOrigin(value = ''): string {
  if (value === '') return '';
  const isOrigin = URL.canParse(value) && new URL(value).origin === value;
  if (isOrigin && /^https?:/.test(value)) return value;
  throw new RangeError(`IM_ORIGIN is '${value}'; allowed: an origin such as https://im.example`);
}
