import { expect, test } from 'vitest';
import { listFiles, readText } from './repository.ts';

interface Manifest {
  readonly engines?: { readonly node?: string };
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function readManifest(path: string): Manifest {
  return JSON.parse(readText(path)) as Manifest;
}

const root = readManifest('package.json');
const oldest = /\d+/.exec(root.engines?.node ?? '')?.[0];
const developed = readText('.nvmrc').trim();
const tested = /node: \[([\d, ]+)\]/.exec(readText('.github/workflows/ci.yml'))?.[1]?.split(', ');

test('Node.js versions: CI tests the oldest one allowed and the one of .nvmrc', () => {
  expect(tested).toContain(oldest);
  expect(tested).toContain(developed);
  expect(readText('.ci/run')).toMatch(new RegExp(`^for version in .*\\b${developed}\\b`, 'm'));
});

test('Node.js versions: the types are those of the oldest, in all packages', () => {
  expect(root.devDependencies?.['@types/node']).toMatch(new RegExp(`^${oldest}\\.`));
  const manifests = listFiles(/^(?:packages|examples|apps)\/[^/]+\/package\.json$/).map(
    readManifest,
  );
  for (const { engines } of manifests) expect(engines).toEqual(root.engines);
});
