import { expect, test } from 'vitest';
import { parseLoadOptions } from './load-options.ts';

test('load options: have defaults, and are read from the arguments', () => {
  expect(parseLoadOptions([])).toMatchObject({ users: 1000, seconds: 30, rate: 100 });
  expect(parseLoadOptions(['--users', '50', '--address', 'http://im:80/x'])).toMatchObject({
    ...{ users: 50, address: 'http://im' },
  });
});

test.each([
  [['--users', '1'], "--users is '1'; allowed: 2 to 20000"],
  [['--rate', 'fast'], "--rate is 'fast'"],
  [['--address', 'nowhere'], "--address is 'nowhere'; allowed: a URL"],
  [['--name', 'A B'], "--name is 'A B'"],
  [['--loud'], '--loud'],
])('load options: %s is rejected', (args, problem) => {
  expect(() => parseLoadOptions(args)).toThrow(problem);
});
