import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { repositoryRoot } from '@gatewayworker/testing';
import { expect, test } from 'vitest';

test('bundle: classes keep their names', async () => {
  const code = `const all = await import('gatewayworker');
console.log(JSON.stringify(Object.entries(all).map(([key, value]) => [key, value.name])));`;
  const args = ['--input-type=module', '--eval', code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: repositoryRoot });
  const names: [key: string, name: unknown][] = JSON.parse(stdout);
  const named = names.filter(([, name]) => typeof name === 'string');
  expect(named.length).toBeGreaterThan(5);
  for (const [key, name] of named) expect(name).toBe(key);
});
