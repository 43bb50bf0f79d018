import { expect, test } from 'vitest';
import { resolveWorkerOptions } from './worker-options.ts';

test('worker options: defaults are filled in and the result is frozen', () => {
  const resolved = resolveWorkerOptions({});
  expect(resolved).toMatchObject({ name: 'worker', count: 1 });
  expect(Object.isFrozen(resolved)).toBe(true);
});

test('worker options: given values are kept', () => {
  const options = { name: 'web', count: 2, onWorkerStart: () => {}, onWorkerStop: () => {} };
  expect(resolveWorkerOptions(options)).toEqual(options);
});

test('worker options: a misspelt option is named with the closest one', () => {
  const options: object = { onWorkerStrat: () => {} };
  expect(() => resolveWorkerOptions(options)).toThrow(
    'option Worker.onWorkerStrat is a function; there is no such option; did you mean onWorkerStart?',
  );
});

test.each([
  [{ name: '' }, 'Worker.name is ""; allowed: a string of 1 to 128 characters'],
  [{ count: 0 }, 'Worker.count is 0; allowed: an integer from 1 to 1024'],
  [{ count: '2' }, 'Worker.count is "2"; allowed: an integer from 1 to 1024'],
  [{ onWorkerStart: 'start' }, 'Worker.onWorkerStart is "start"; allowed: a function'],
  [{ onWorkerStop: 7 }, 'Worker.onWorkerStop is 7; allowed: a function'],
])('worker options: rejects %j', (options: object, message) => {
  expect(() => resolveWorkerOptions(options)).toThrow(message);
});

test.each(['name', 'count', 'onWorkerStart', 'onWorkerStop'])(
  'worker options: undefined means the default for %s',
  (name) => {
    expect(resolveWorkerOptions({ [name]: undefined })).toEqual(resolveWorkerOptions({}));
  },
);
