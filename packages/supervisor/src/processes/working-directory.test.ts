import { expect, test } from 'vitest';
import { existingDirectory, workingDirectory } from './working-directory.ts';

test('existingDirectory: answers the first that is there, the root when none is', () => {
  expect(existingDirectory('/nowhere', '/usr', '/')).toBe('/usr');
  expect(existingDirectory('/nowhere')).toBe('/');
});

test('workingDirectory: is that of the process while it is there', () => {
  expect(workingDirectory('/srv/start.js')).toBe(process.cwd());
});
