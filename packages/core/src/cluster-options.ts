import { MAX_KEYS, type SecretKey } from './authentication.ts';
import { OptionError } from './errors.ts';
import { isLoopback } from './ip-address.ts';

/** The `secretKey` of these options: an empty string when it is absent, `undefined` when it is set to `undefined`. */
export function givenSecretKey(options: { readonly secretKey?: unknown }): unknown {
  return 'secretKey' in options ? options.secretKey : '';
}

/**
 * Checks a `secretKey`.
 *
 * @param secretKey - `undefined` counts as empty
 * @param listenHost - host on which the process listens for inner links; `undefined` when it only dials
 * @throws {GW_ERR_OPTION_INVALID} when it is neither a string nor a list of one to eight non-empty strings, and when
 * it is empty although other machines can reach the listener
 */
export function assertSecretKey(owner: string, secretKey: unknown, listenHost?: string): void {
  const option = `${owner}.secretKey`;
  if (secretKey !== undefined && !isSecretKey(secretKey)) {
    // The error names the type only, because a value of a wrong type may contain the secret.
    const type = Array.isArray(secretKey) ? 'list' : typeof secretKey;
    const isUnset = Array.isArray(secretKey) && secretKey.includes(undefined);
    const hint = isUnset ? `; one of it is undefined: ${askForVariable}` : '';
    throw new OptionError(option, type, `allowed: a string, or a list of 1 to 8 strings${hint}`);
  }
  const isGiven = secretKey !== undefined && secretKey !== '';
  if (isGiven || listenHost === undefined || isLoopback(listenHost)) return;
  const reason = `a key is required because ${listenHost} is not a loopback address: without one any process that reaches it controls the cluster`;
  const hint = secretKey === undefined ? `${askForVariable} ` : '';
  throw new OptionError(option, secretKey, `${hint}${reason}`);
}

/** An undefined key usually comes from `process.env`. */
const askForVariable = 'is the environment variable set?';

function isSecretKey(value: unknown): value is SecretKey {
  if (typeof value === 'string') return true;
  const isList = Array.isArray(value) && value.length >= 1 && value.length <= MAX_KEYS;
  return isList && value.every((key) => typeof key === 'string' && key !== '');
}
