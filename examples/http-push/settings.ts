import { hkdfSync, randomBytes } from 'node:crypto';

/** Where the processes of the example listen, and their keys. */
export interface PushSettings {
  /** Address of the app and of the websocket listener; inner links stay on 127.0.0.1. */
  readonly host: string;
  /** Port of the app; 0 chooses a free one. */
  readonly port: number;
  /** Port the page opens its websocket to. */
  readonly gatewayPort: number;
  readonly registerAddress: string;
  /** First port for inner links, one per gateway process; 0 chooses free ones. */
  readonly innerPort: number;
  /** Origin of the app in browsers, such as `https://push.example`; undefined: the Host header is used. */
  readonly origin: string | undefined;
  /** Signs the tokens that prove the possession of a client id. */
  readonly tokenKey: Buffer;
  /** Signs the session cookies. */
  readonly cookieKey: Buffer;
}

/** Generates a key for `PUSH_KEY`. */
export function createPushKey(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * Reads the settings from environment variables, with a default for each except `PUSH_KEY`.
 *
 * @throws {RangeError} when a variable is wrong, naming it and its value, except the value of the key
 */
export function resolvePushSettings(
  environment: Readonly<Record<string, string | undefined>>,
): PushSettings {
  const port = (variable: string, fallback: number): number => {
    const value = environment[variable];
    if (value === undefined || value === '') return fallback;
    if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
    throw new RangeError(`${variable} is '${value}'; allowed: a port from 0 to 65535`);
  };
  const key = environment['PUSH_KEY'] ?? '';
  if (key.length < 32) {
    throw new RangeError(`PUSH_KEY has ${key.length} characters; allowed: 32 or more`);
  }
  return {
    host: environment['PUSH_HOST'] || '127.0.0.1',
    port: port('PUSH_PORT', 3001),
    gatewayPort: port('PUSH_GATEWAY_PORT', 8283),
    registerAddress: `127.0.0.1:${port('PUSH_REGISTER_PORT', 1237)}`,
    innerPort: port('PUSH_INNER_PORT', 2910),
    origin: parseOrigin(environment['PUSH_ORIGIN']),
    tokenKey: deriveKey(key, 'client token'),
    cookieKey: deriveKey(key, 'session cookie'),
  };
}

function parseOrigin(value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  const isOrigin = URL.canParse(value) && new URL(value).origin === value;
  if (isOrigin && /^https?:/.test(value)) return value;
  throw new RangeError(
    `PUSH_ORIGIN is '${value}'; allowed: an origin such as https://push.example`,
  );
}

/** One key per purpose, so that a signature for one purpose is invalid for another. */
function deriveKey(key: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', purpose, 32));
}
