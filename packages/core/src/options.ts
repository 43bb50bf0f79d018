import { OptionError } from './errors.ts';
import { isSecretName } from './hide-secrets.ts';
import { canonicalAddress } from './ip-address.ts';

/** A host and a port, as in `127.0.0.1:1236` or `[::1]:1236`. */
export interface HostPort {
  readonly host: string;
  /** 0 to 65535; 0 means a free port. */
  readonly port: number;
}

/**
 * Removes the options that are `undefined`, which count as absent.
 *
 * @returns a copy
 */
export function withoutUndefined<T extends object>(options: T): T {
  const given = { ...options };
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) Reflect.deleteProperty(given, key);
  }
  return given;
}

/**
 * Rejects options with an unknown key.
 *
 * @throws {GW_ERR_OPTION_INVALID} with the key and the most similar known one
 */
export function rejectUnknownKeys(owner: string, options: object, known: readonly string[]): void {
  for (const [key, value] of Object.entries(options)) {
    if (known.includes(key)) continue;
    const nearest = nearestName(key, known);
    const hint = nearest === undefined ? `known: ${known.join(', ')}` : `did you mean ${nearest}?`;
    // A misspelt secretKey contains a secret too, and so may any field of an object with a private key.
    const isSecret = isSecretName(key) || /tls$/i.test(owner);
    const shown = isSecret ? `a hidden ${typeof value}` : value;
    throw new OptionError(`${owner}.${key}`, shown, `there is no such option; ${hint}`);
  }
}

/** Throws unless the options are a plain object. */
export function assertOptionsObject(owner: string, options: unknown): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    // A text may be a private key.
    const shown = typeof options === 'string' ? 'text' : options;
    throw new OptionError(owner, shown, 'allowed: an object of options');
  }
}

/** Throws unless the value is an integer within the range, including both ends. */
export function assertInteger(
  option: string,
  value: unknown,
  range: { readonly min: number; readonly max: number },
): asserts value is number {
  const { min, max } = range;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return;
  throw new OptionError(option, value, `allowed: an integer from ${min} to ${max}`);
}

/** Throws unless the value is a port to listen on; 0 means a free port. */
export function assertPort(option: string, value: unknown): asserts value is number {
  assertInteger(option, value, { min: 0, max: 65_535 });
}

/** Throws unless the value is a string of at least one character. */
export function assertNonEmptyString(option: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value.length > 0) return;
  throw new OptionError(option, value, 'allowed: a non-empty string');
}

/** Longest name of a declaration, in characters. Logs, tables and every Hello frame contain it. */
const MAX_NAME_LENGTH = 128;

/** Throws unless the value is a string of 1 to 128 characters. */
export function assertName(option: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME_LENGTH) return;
  throw new OptionError(option, value, `allowed: a string of 1 to ${MAX_NAME_LENGTH} characters`);
}

/** Throws unless the value is a number that is 0 or within the range, including both ends. */
export function assertZeroOrNumber(
  option: string,
  value: unknown,
  range: { readonly min: number; readonly max: number },
): asserts value is number {
  const { min, max } = range;
  if (typeof value === 'number' && (value === 0 || (value >= min && value <= max))) return;
  throw new OptionError(option, value, `allowed: 0, or a number from ${min} to ${max}`);
}

/** Throws unless the value is one of `words`. */
export function assertOneOf<T extends string>(
  option: string,
  value: unknown,
  words: readonly T[],
): asserts value is T {
  if (words.some((word) => word === value)) return;
  throw new OptionError(option, value, `allowed: ${words.join(', ')}`);
}

/** Throws unless the value is a string. */
export function assertString(option: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw new OptionError(option, value, 'allowed: a string');
}

/** Throws unless the value is a function or undefined. */
export function assertOptionalFunction(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  throw new OptionError(option, value, 'allowed: a function');
}

/**
 * Parses `host:port`, with an IPv6 host in brackets. An IP address is returned in canonical form.
 *
 * @throws {GW_ERR_OPTION_INVALID} when the host is missing or the port is not within 0 to 65535
 */
export function parseHostPort(option: string, value: unknown): HostPort {
  const match =
    typeof value === 'string' ? /^(?:\[([^\]]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(value) : null;
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port <= 65_535)) {
    throw new OptionError(option, value, 'allowed: host:port, such as 127.0.0.1:1236');
  }
  return { host: canonicalAddress(host) ?? host, port };
}

/** Formats `host:port`, with brackets around an IPv6 host. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Freezes a value and every plain object and array within it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}

/**
 * Finds the known name that is most similar to a misspelt one, ignoring case.
 *
 * @param maxDistance - letters that may be added, missing or different. @default a third of the name, at least 2
 * @returns `undefined` when no name is similar enough
 */
export function nearestName(
  name: string,
  known: readonly string[],
  maxDistance: number = Math.max(2, Math.floor(name.length / 3)),
): string | undefined {
  let best: string | undefined;
  let bestDistance = maxDistance + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substitution));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
