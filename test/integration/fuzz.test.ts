import { fileURLToPath } from 'node:url';
import { runCommand } from '@gatewayworker/testing';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('../fuzz/fuzz.ts', import.meta.url));

// Long, because it only ends what hangs.
test('fuzz: seeds and new inputs leave nothing behind', { timeout: 300_000 }, async () => {
  const args = ['--seconds', '5', '--inputs', '3'];
  const { exitCode, stdout, stderr } = await runCommand(program, args, { timeoutMs: 290_000 });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toContain('every client was served');
});
