import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const path = fileURLToPath(new URL('../index.cjs', import.meta.url));

test.each(['18.20.8', '20.18.3'])('require: Node.js %s is rejected with one sentence', (node) => {
  const pretend = `Object.defineProperty(process, 'versions', { value: { node: '${node}' } });`;
  const code = `${pretend} require(${JSON.stringify(path)});`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code], {
    encoding: 'utf8',
  });
  const sentence = `gatewayworker needs Node.js 20.19 or newer; this is Node.js ${node}\n`;
  expect([status, stdout, stderr]).toEqual([1, '', sentence]);
});
