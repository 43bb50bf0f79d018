import { expect, test } from 'vitest';
import { readText } from './repository.ts';

/** What the rule reads of an entry of package-lock.json. */
interface LockEntry {
  readonly link?: boolean;
  readonly integrity?: string;
}

const { packages } = JSON.parse(readText('package-lock.json')) as {
  packages: Readonly<Record<string, LockEntry>>;
};
const installed = Object.entries(packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && link !== true,
);

test('package-lock.json: pins each package of the registry by its SHA-512', () => {
  const unpinned = installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'));
  expect(unpinned.map(([path]) => path)).toEqual([]);
  expect(installed.length).toBeGreaterThan(100);
});
