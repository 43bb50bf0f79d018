import { expect, onTestFinished, test } from 'vitest';
import { processState, readVersion, sharedState } from './process-state.ts';

function freshName(): string {
  const name = `test-${crypto.randomUUID()}`;
  onTestFinished(() => {
    Reflect.deleteProperty(globalThis, Symbol.for(`gatewayworker.${name}`));
  });
  return name;
}

test('process state: two copies of the same version share it', () => {
  const name = freshName();
  const one = sharedState(name, (): string[] => [], { version: '1.0.0', path: '/a/index.js' });
  const other = sharedState(name, (): string[] => [], { version: '1.0.0', path: '/b/index.js' });
  expect(other).toBe(one);
});

test('process state: a copy of another version is refused, with both paths', () => {
  const name = freshName();
  processState(name, () => 1);
  expect(() => sharedState(name, () => 2, { version: '0.0.1', path: '/b/index.js' })).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_VERSION_MISMATCH',
      message: expect.stringMatching(/process-state\.ts\).* 0\.0\.1 \(\/b\/index\.js\)/),
    }),
  );
});

test('process state: the version is that of package.json', () => {
  expect(readVersion()).toMatch(/^\d+\.\d+\.\d+/);
});
