import { expect, test } from 'vitest';
import {
  type BusinessWorkerOptions,
  businessWorkerDefaults,
  resolveBusinessWorkerOptions,
} from './options.ts';

const eventHandler = 'file:///srv/events.ts';

test('worker options: absent options get their defaults', () => {
  expect(resolveBusinessWorkerOptions({ eventHandler })).toEqual({
    ...businessWorkerDefaults,
    eventHandler,
  });
});

test('worker options: given options are kept and the result is frozen', () => {
  const options = { eventHandler, name: 'chat', count: 4, registerAddress: ['a:1'] };
  const resolved = resolveBusinessWorkerOptions(options);
  expect(resolved).toMatchObject(options);
  expect(Object.isFrozen(resolved)).toBe(true);
});

test.each<[URL | string, string]>([
  [new URL('file:///srv/events.ts'), 'file:///srv/events.ts'],
  ['file:///srv/events.ts', 'file:///srv/events.ts'],
  ['/srv/my events.ts', 'file:///srv/my%20events.ts'],
])('worker options: eventHandler accepts %s', (given, expected) => {
  expect(resolveBusinessWorkerOptions({ eventHandler: given }).eventHandler).toBe(expected);
});

test.each<[Record<string, unknown>, string]>([
  [
    { eventHandler: undefined },
    'option BusinessWorker.eventHandler is undefined; allowed: new URL',
  ],
  [{ eventHandler: '' }, 'option BusinessWorker.eventHandler is ""'],
  [{ eventHandler: './events.ts' }, 'option BusinessWorker.eventHandler is "./events.ts"'],
  [{ eventHandler: 'https://x/e.ts' }, 'option BusinessWorker.eventHandler is "https://x/e.ts"'],
  [{ eventHandler: new URL('https://x/e.ts') }, 'eventHandler is "https://x/e.ts"'],
  [{ eventHandler: {} }, 'option BusinessWorker.eventHandler is {}'],
  [{ name: '' }, 'option BusinessWorker.name is ""'],
  [{ count: 0 }, 'option BusinessWorker.count is 0; allowed: an integer from 1 to 1024'],
  [{ count: 1025 }, 'option BusinessWorker.count'],
  [{ registerAddress: 'x' }, 'option BusinessWorker.registerAddress is "x"'],
  [
    { secretKey: { key: 'hunter2' } },
    'option BusinessWorker.secretKey is "object"; allowed: a string',
  ],
  [{ sendToGatewayBufferSize: 1 }, 'option BusinessWorker.sendToGatewayBufferSize is 1'],
  [{ queryTimeoutMs: 0 }, 'option BusinessWorker.queryTimeoutMs is 0'],
  [{ eventHandlers: 'x' }, 'there is no such option; did you mean eventHandler?'],
])('worker options: refuses %j', (wrong, message) => {
  const options: BusinessWorkerOptions = Object.assign({ eventHandler }, wrong);
  expect(() => resolveBusinessWorkerOptions(options)).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_OPTION_INVALID',
      message: expect.stringContaining(message),
    }),
  );
});
