/** Matches names of options and fields that contain secrets, also most misspelt ones. */
const secretName = /secret|key|token|pass|pwd|credential/i;

/** Matches the part of an address before its hosts, `user:password@`, with any characters in it. */
const credentials = /^(\w+:\/\/)?[^@]*:.*@/s;

/** Levels of nested objects that are shown. */
const MAX_DEPTH = 5;

/** Returns whether an option or field of this name must not be shown. */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/**
 * Returns a copy of a value that can be shown: `hidden` replaces private keys, the credentials of an address, and
 * fields whose names indicate a secret. A value without secrets stays the same.
 */
export function hideSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') {
    return value.includes('PRIVATE KEY') ? 'hidden' : value.replace(credentials, '$1hidden@');
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (depth === MAX_DEPTH) return 'hidden';
  if (Array.isArray(value)) return value.map((part) => hideSecrets(part, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      isSecretName(name) ? 'hidden' : hideSecrets(part, depth + 1),
    ]),
  );
}
