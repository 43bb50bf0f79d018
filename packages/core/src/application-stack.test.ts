import { expect, test } from 'vitest';
import { trimStack } from './application-stack.ts';

const framework = '/srv/app/node_modules/@gatewayworker/';
const own = `    at EventRunner.run (file://${framework}business-worker/dist/event-runner.js:9:1)`;
const handler = '    at Events.onMessage (file:///srv/app/events.js:3:9)';
const node = '    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)';

test('trimStack: removes frames of the framework and Node.js below the application', () => {
  const stack = ['Error: boom', handler, own, node].join('\n');
  expect(trimStack(stack, framework)).toBe(`Error: boom\n${handler}`);
});

test('trimStack: keeps frames of the framework above the application, and causes', () => {
  const stack = ['Error: a', own, handler, own, 'caused by: Error: b', handler, node].join('\n');
  expect(trimStack(stack, framework)).toBe(
    ['Error: a', own, handler, 'caused by: Error: b', handler].join('\n'),
  );
});

test('trimStack: keeps a stack without a frame of the application', () => {
  const stack = ['Error: ours', own, node].join('\n');
  expect(trimStack(stack, framework)).toBe(stack);
});
