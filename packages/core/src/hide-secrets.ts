/** Names of options and fields that hold secrets, however they are misspelt. */
const secretName = /secret|key|token|pass|pwd|credential/i;

/** What stands before the hosts of an address: `user:password@`, whatever characters it has. */
const credentials = /^(\w+:\/\/)?[^@]*:.*@/s;

/** Objects within objects that are looked into; what lies deeper is not shown. */
const MAX_DEPTH = 5;

/** Tells whether what has this name is not to be shown. */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/**
 * Makes a value fit to be shown: a copy with the word `hidden` for private keys, for what stands before the
 * `@` of an address, and for every field whose name speaks of a secret. Of what holds none nothing changes.
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
