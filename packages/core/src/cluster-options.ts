import { MAX_KEYS, type SecretKey } from './authentication.ts';
import { OptionError } from './errors.ts';
import { isLoopback } from './ip-address.ts';

/**
 * Checks a `secretKey`.
 *
 * @param listenHost - where the process listens for inner links; `undefined` when it only dials
 * @throws {GW_ERR_OPTION_INVALID} when it is neither a string nor a list of one to eight strings that are
 * not empty, and when it is empty though the listener can be reached from other machines
 */
export function assertSecretKey(owner: string, secretKey: unknown, listenHost?: string): void {
  const option = `${owner}.secretKey`;
  if (!isSecretKey(secretKey)) {
    // Named by its type alone: a value of a wrong type may still be the secret.
    const type = Array.isArray(secretKey) ? 'list' : typeof secretKey;
    throw new OptionError(option, type, 'allowed: a string, or a list of 1 to 8 strings');
  }
  if (secretKey !== '' || listenHost === undefined || isLoopback(listenHost)) return;
  throw new OptionError(
    option,
    secretKey,
    `a key is required because ${listenHost} is not a loopback address: whoever reaches it controls the cluster`,
  );
}

function isSecretKey(value: unknown): value is SecretKey {
  if (typeof value === 'string') return true;
  const isList = Array.isArray(value) && value.length >= 1 && value.length <= MAX_KEYS;
  return isList && value.every((key) => typeof key === 'string' && key !== '');
}
