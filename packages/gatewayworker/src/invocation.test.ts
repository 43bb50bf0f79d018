import { expect, test } from 'vitest';
import { describeInvocation, type ProcessFacts } from './invocation.ts';

const plain: ProcessFacts = {
  argv0: 'node',
  execArgv: [],
  workingDirectory: '/srv/chat',
  env: {},
  hasChannel: false,
};
const tsx = [
  '--require',
  '/srv/chat/node_modules/tsx/dist/preflight.cjs',
  '--import',
  'file:///srv/chat/node_modules/tsx/dist/loader.mjs',
];

test.each<[string, Partial<ProcessFacts>, string]>([
  ['/srv/chat/start.ts', {}, 'node start.ts'],
  ['/srv/chat/dist/start.js', {}, 'node dist/start.js'],
  ['/srv/start.js', {}, 'node /srv/start.js'],
  ['/srv/chat/start.js', { workingDirectory: '' }, 'node /srv/chat/start.js'],
  ['/srv/chat/start.ts', { execArgv: tsx }, 'npx tsx start.ts'],
  ['/srv/chat/start.ts', { execArgv: [...tsx, '--inspect'] }, 'npx tsx --inspect start.ts'],
  ['/srv/chat/start.ts', { execArgv: ['--import', 'tsx'] }, 'node --import tsx start.ts'],
  ['/srv/chat/start.js', { argv0: '/opt/n24/bin/node' }, '/opt/n24/bin/node start.js'],
  ["/srv/chat/it's #1.js", {}, "node 'it'\\''s #1.js'"],
  ['/srv/chat/-d.js', {}, 'node ./-d.js'],
])('invocation: %s with %j is %s', (file, facts, program) => {
  expect(describeInvocation(file, { ...plain, ...facts }).program).toBe(program);
});

test('invocation: is under pm2 when pm2 has a channel and names the start file', () => {
  const env = { pm_exec_path: '/srv/chat/start.js' };
  const describe = (facts: Partial<ProcessFacts>) =>
    describeInvocation('/srv/chat/start.js', { ...plain, ...facts }).isUnderPm2;
  expect(describe({ env, hasChannel: true })).toBe(true);
  expect(describe({ env })).toBe(false);
  expect(describe({ env: { pm_exec_path: '/srv/other.js' }, hasChannel: true })).toBe(false);
  expect(describe({ hasChannel: true })).toBe(false);
});
