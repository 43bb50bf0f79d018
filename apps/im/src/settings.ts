import { folder } from './folders.ts';

/** Where the processes of the messenger listen and keep things. */
export interface ImSettings {
  /** Address of the page and of the websocket; inner links stay on 127.0.0.1. */
  readonly host: string;
  /** Port of the page and the HTTP API. */
  readonly httpPort: number;
  /** Port of the websocket. */
  readonly socketPort: number;
  readonly registerAddress: string;
  /** First port for inner links, one per gateway process; 0 takes free ones. */
  readonly innerPort: number;
  /** Gateway processes, and business workers. */
  readonly gateways: number;
  readonly workers: number;
  /** Shared by the processes of the cluster; empty is enough while they are on one machine. */
  readonly secretKey: string;
  /** Folder of the embedded database and of the pictures. */
  readonly dataFolder: string;
  /** `postgres://…`; empty for the embedded database. */
  readonly databaseUrl: string;
  /** Where browsers find the page, such as `https://im.example`; empty: whatever host they ask. */
  readonly origin: string;
  /** Proxies whose `X-Forwarded-For` counts. */
  readonly trustProxy: readonly string[];
  /** Work of one password hash: scrypt with N = 2 to this power, r = 8, p = 3. */
  readonly passwordCost: number;
  /** Registrations from one IPv4 address or IPv6 /64 in an hour. */
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
    dataFolder: environment['IM_DATA'] || `${folder}data`,
    databaseUrl: parseDatabaseUrl(environment['DATABASE_URL']),
    origin: parseOrigin(environment['IM_ORIGIN']),
    trustProxy: (environment['IM_TRUST_PROXY'] ?? '').split(',').filter((entry) => entry !== ''),
    passwordCost: integer('IM_PASSWORD_COST', 15, [10, 20]),
    registrationsPerHour: integer('IM_REGISTRATIONS_PER_HOUR', 1200, [1, 1_000_000]),
  };
}

/** The value is not shown: it holds a password. */
function parseDatabaseUrl(value = ''): string {
  if (value === '' || /^postgres(?:ql)?:\/\//.test(value)) return value;
  throw new RangeError('DATABASE_URL is no postgres://… URL');
}

function parseOrigin(value = ''): string {
  if (value === '') return '';
  const isOrigin = URL.canParse(value) && new URL(value).origin === value;
  if (isOrigin && /^https?:/.test(value)) return value;
  throw new RangeError(`IM_ORIGIN is '${value}'; allowed: an origin such as https://im.example`);
}
