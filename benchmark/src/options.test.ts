import { expect, test } from 'vitest';
import { parseOptions, UsageError } from './options.ts';
import { scenarios } from './scenarios.ts';

test('options: defaults are every scenario with its own contenders', () => {
  const options = parseOptions([]);
  expect(options.scenarios).toEqual(scenarios);
  expect(options.contenders).toBeUndefined();
  expect(options).toMatchObject({
    seconds: 4,
    warmSeconds: 2,
    idleSeconds: 40,
    rounds: 3,
    isHelp: false,
  });
});

test('options: parses scenarios, contenders, lengths and rounds', () => {
  const options = parseOptions([
    ...['--only', 'uid, echo-deep', '--contenders', 'gatewayworker-3x2,raw-ws'],
    ...['--seconds', '0.5', '--warm', '0', '--idle', '3', '--rounds', '1', '--generators', '2'],
    ...['--clients', '100'],
  ]);
  expect(options.scenarios.map(({ name }) => name)).toEqual(['uid', 'echo-deep']);
  expect(options.contenders).toEqual(['gatewayworker-3x2', 'raw-ws']);
  expect(options).toMatchObject({
    seconds: 0.5,
    warmSeconds: 0,
    idleSeconds: 3,
    rounds: 1,
    generators: 2,
    clients: 100,
  });
});

test.each([
  { args: ['--only', 'ehco'], message: "there is no scenario 'ehco'; known: echo-deep, " },
  { args: ['--contenders', 'nginx'], message: "there is no contender 'nginx'; known: raw-ws, " },
  { args: ['--contenders', 'gatewayworker-0x1'], message: 'there is no contender' },
  {
    args: ['--rounds', '1.5'],
    message: "--rounds is '1.5'; allowed: a whole number from 1 to 100",
  },
  { args: ['--seconds', 'x'], message: "--seconds is 'x'; allowed: a number from 0.1 to 3600" },
  { args: ['--seconds', ''], message: "--seconds is ''" },
  { args: ['--fast'], message: '--fast' },
  { args: ['echo-deep'], message: 'echo-deep' },
])('options: $args is an error that names what is allowed', ({ args, message }) => {
  expect(() => parseOptions(args)).toThrow(UsageError);
  expect(() => parseOptions(args)).toThrow(message);
});
