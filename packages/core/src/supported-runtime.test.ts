import { expect, test } from 'vitest';
import { refuseRuntime } from './supported-runtime.ts';

test.each([{ node: '20.19.0' }, { node: '20.20.2' }, { node: '22.0.0' }, { node: '26.10.0' }])(
  'runtime: %j is supported',
  (versions) => {
    expect(refuseRuntime(versions)).toBeUndefined();
  },
);

test.each([
  [{ node: '18.20.8' }, 'gatewayworker needs Node.js 20.19 or newer; this is Node.js 18.20.8'],
  [{ node: '20.18.3' }, 'gatewayworker needs Node.js 20.19 or newer; this is Node.js 20.18.3'],
  [
    { node: '24.2.0', deno: '2.5.0' },
    'gatewayworker needs Node.js 20.19 or newer; this is Deno 2.5.0',
  ],
  [
    { node: '24.3.0', bun: '1.3.0' },
    'gatewayworker needs Node.js 20.19 or newer; this is Bun 1.3.0',
  ],
])('runtime: %j is refused in one sentence', (versions, sentence) => {
  expect(refuseRuntime(versions)).toBe(sentence);
});
