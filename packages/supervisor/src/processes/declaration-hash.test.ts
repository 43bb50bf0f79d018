import { expect, test } from 'vitest';
import type { ProcessDeclaration } from '../process-declaration.ts';
import { hashDeclaration } from './declaration-hash.ts';

function hash(options: object, name = 'gate'): string {
  const createRuntime = (): never => {
    throw new Error('no runtime in this test');
  };
  const declaration: ProcessDeclaration = {
    ...{ role: 'gateway', name, count: 1, listen: '' },
    ...{ options, createRuntime },
  };
  return hashDeclaration(declaration);
}

test('declaration hash: ignores order of keys, count and code of functions', () => {
  const one = hash({
    listen: 'a',
    tls: { key: new Uint8Array([1]) },
    onConnect: () => 1,
    count: 1,
  });
  const other = hash({ onConnect: () => 2, tls: { key: Buffer.from([1]) }, listen: 'a', count: 2 });
  expect(one).toBe(other);
});

test('declaration hash: changes with the name and every other option', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const hashes = [
    hash({}),
    hash({}, 'front'),
    hash({ listen: 'a' }),
    hash({ listen: new URL('file:///a') }),
    hash({ limit: 1 }),
    hash({ limit: Number.POSITIVE_INFINITY }),
    hash({ tls: { key: Buffer.from([1]) } }),
    hash({ routes: [{ path: /a/ }] }),
    hash({ routes: [{ path: /b/ }] }),
    hash(circular),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
});
