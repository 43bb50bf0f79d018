import { createHash } from 'node:crypto';
import type { ProcessDeclaration } from '../process-declaration.ts';

/**
 * Hashes role, name and options of a declaration as the start file gives them, without the number of processes. The
 * code of functions does not count, because `reload` loads new code. Defaults do not count either, so that an upgrade
 * of the package does not change the hash.
 */
export function hashDeclaration({ role, name, options }: ProcessDeclaration): string {
  const { count: _, ...rest } = { ...options } as Readonly<Record<string, unknown>>;
  const text = JSON.stringify(toPlain([role, name, rest], new Set()));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function toPlain(value: unknown, above: ReadonlySet<unknown>): unknown {
  if (typeof value === 'function') return 'function';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof URL || value instanceof RegExp) return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (above.has(value)) return 'circular';
  const inside = new Set(above).add(value);
  if (Array.isArray(value)) return value.map((item) => toPlain(item, inside));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return entries
    .map(([key, item]) => [String(key), toPlain(item, inside)] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1));
}
