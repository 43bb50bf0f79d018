import { expect, test } from 'vitest';
import { existingDirectory, workingDirectory } from './working-directory.ts';

test('existing directory: is the first that exists, / when none does', () => {
  expect(existingDirectory('/nowhere', '/usr', '/')).toBe('/usr');
  expect(existingDirectory('/nowhere')).toBe('/');
});

test('working directory: is that of the process while it exists', () => {
  expect(workingDirectory('/srv/start.js')).toBe(process.cwd());
});
