import { expect, test } from 'vitest';
import { type RegisterOptions, registerDefaults, resolveRegisterOptions } from './options.ts';

test('register options: absent options get their defaults', () => {
  expect(resolveRegisterOptions()).toEqual(registerDefaults);
  expect(resolveRegisterOptions({})).toEqual(registerDefaults);
});

test('register options: given options are kept and the result is frozen', () => {
  const options = { listen: '0.0.0.0:0', name: 'r', secretKey: 'key' };
  const resolved = resolveRegisterOptions(options);
  expect(resolved).toEqual(options);
  expect(Object.isFrozen(resolved)).toBe(true);
  expect(Object.isFrozen(options)).toBe(false);
});

test.each<[Record<string, unknown>, string]>([
  [{ listen: '1236' }, 'option Register.listen is "1236"; allowed: host:port'],
  [{ listen: 1236 }, 'option Register.listen is 1236'],
  [{ name: '' }, 'option Register.name is ""; allowed: a string of 1 to 128 characters'],
  [{ listen: '0.0.0.0:1236' }, 'a key is required because 0.0.0.0 is not a loopback address'],
  [{ listen: 'register.internal:1236' }, 'because register.internal is not a loopback address'],
  [{ listen: '[::]:1236' }, 'a key is required because :: is not a loopback address'],
  [{ secretKey: 7 }, 'option Register.secretKey is "number"; allowed: a string'],
  [{ listn: 'x' }, 'option Register.listn is "x"; there is no such option; did you mean listen?'],
])('register options: refuses %j', (wrong, message) => {
  const options: RegisterOptions = Object.assign({}, wrong);
  expect(() => resolveRegisterOptions(options)).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_OPTION_INVALID',
      message: expect.stringContaining(message),
    }),
  );
});
