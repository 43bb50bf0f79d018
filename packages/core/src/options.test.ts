import { expect, test } from 'vitest';
import {
  assertInteger,
  assertNonEmptyString,
  assertOptionalFunction,
  assertOptionsObject,
  assertPort,
  assertString,
  deepFreeze,
  formatHostPort,
  parseHostPort,
  rejectUnknownKeys,
} from './options.ts';

const known = ['pingInterval', 'registerAddress', 'secretKey'];

test('options: accepts known keys', () => {
  rejectUnknownKeys('Gateway', { pingInterval: 1, secretKey: 'x' }, known);
  rejectUnknownKeys('Gateway', {}, known);
});

test.each([
  ['pingIntervall', 'did you mean pingInterval?'],
  ['pinginterval', 'did you mean pingInterval?'],
  ['registerAdress', 'did you mean registerAddress?'],
  ['zzzzzz', 'known: pingInterval, registerAddress, secretKey'],
  ['__proto__', 'known: pingInterval'],
  ['toString', 'known: pingInterval'],
])('options: the error about the unknown key %s has a hint', (key, hint) => {
  const options = Object.fromEntries([[key, 5]]);
  expect(() => rejectUnknownKeys('Gateway', options, known)).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_OPTION_INVALID',
      option: `Gateway.${key}`,
      message: expect.stringContaining(
        `option Gateway.${key} is 5; there is no such option; ${hint}`,
      ),
    }),
  );
});

test.each(['secretkey', 'secret', 'apiToken', 'password'])(
  'options: hides the value of the unknown key %s, which may be a secret',
  (key) => {
    const options = Object.fromEntries([[key, 'hunter2']]);
    const leaks = expect.objectContaining({ message: expect.stringContaining('hunter2') });
    expect(() => rejectUnknownKeys('Gateway', options, known)).not.toThrow(leaks);
    expect(() => rejectUnknownKeys('Gateway', options, known)).toThrow('a hidden string');
    expect(() => rejectUnknownKeys('Gateway', options, known)).not.toThrow(
      expect.objectContaining({ value: 'hunter2' }),
    );
  },
);

test.each([null, undefined, 'x', 7, [], () => undefined])(
  'options: refuses %s instead of an object',
  (value) => {
    expect(() => assertOptionsObject('Gateway', value)).toThrow(
      expect.objectContaining({ code: 'GW_ERR_OPTION_INVALID', option: 'Gateway' }),
    );
  },
);

test('options: accepts an object', () => {
  assertOptionsObject('Gateway', {});
});

test.each([1, 5, 10])('assertInteger: accepts %i', (value) => {
  assertInteger('x', value, { min: 1, max: 10 });
});

test.each([0, 11, 1.5, -1, Number.NaN, Infinity, '5', null, undefined, 5n])(
  'assertInteger: refuses %s',
  (value) => {
    expect(() => assertInteger('Gateway.count', value, { min: 1, max: 10 })).toThrow(
      expect.objectContaining({
        option: 'Gateway.count',
        value,
        message: expect.stringContaining('allowed: an integer from 1 to 10'),
      }),
    );
  },
);

test('assertPort: accepts 0 to 65535', () => {
  for (const port of [0, 1, 65_535]) assertPort('x', port);
  expect(() => assertPort('x', 65_536)).toThrow('allowed: an integer from 0 to 65535');
});

test('assertString and others: refuse other types and empty strings', () => {
  assertString('x', '');
  assertNonEmptyString('x', ' ');
  assertOptionalFunction('x', undefined);
  assertOptionalFunction('x', () => 1);
  expect(() => assertString('x', 1)).toThrow('option x is 1; allowed: a string');
  expect(() => assertNonEmptyString('x', '')).toThrow('option x is ""; allowed: a non-empty');
  expect(() => assertNonEmptyString('x', ['a'])).toThrow('allowed: a non-empty string');
  expect(() => assertOptionalFunction('x', null)).toThrow('option x is null; allowed: a function');
});

test.each([
  ['127.0.0.1:1236', '127.0.0.1', 1236],
  ['localhost:0', 'localhost', 0],
  ['example.org:65535', 'example.org', 65_535],
  ['[::1]:80', '::1', 80],
  ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80],
])('parseHostPort: accepts %s', (text, host, port) => {
  expect(parseHostPort('x', text)).toEqual({ host, port });
  expect(formatHostPort(host, port)).toBe(text);
});

test.each([
  '',
  ':80',
  'host',
  'host:',
  'host:x',
  'host:65536',
  'host:99999',
  'host:123456',
  'host:-1',
  'host:1.5',
  ' host:80',
  'host:80 ',
  'a b:80',
  '::1:80',
  '[]:80',
  '[::1]',
  'tcp://host:80',
  80,
  null,
  undefined,
  ['host:80'],
])('parseHostPort: refuses %j', (value) => {
  expect(() => parseHostPort('Register.listen', value)).toThrow(
    expect.objectContaining({ code: 'GW_ERR_OPTION_INVALID', option: 'Register.listen' }),
  );
});

test('parseHostPort: returns the canonical address, and keeps a zone', () => {
  for (const text of ['[0:0:0:0:0:0:0:1]:80', '[0000::0001]:80', '[::1]:80']) {
    expect(parseHostPort('x', text).host).toBe('::1');
  }
  expect(parseHostPort('x', '[::FFFF:7f00:1]:80').host).toBe('127.0.0.1');
  expect(parseHostPort('x', '[fe80::1%eth0]:80').host).toBe('fe80::1%eth0');
});

test('deepFreeze: freezes nested objects and arrays, and returns its argument', () => {
  const value = { list: [{ a: 1 }], nested: { b: {} } };
  expect(deepFreeze(value)).toBe(value);
  for (const part of [value, value.list, value.list[0], value.nested, value.nested.b]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});

test('deepFreeze: does not freeze instances, functions and primitives', () => {
  const value = { url: new URL('file:///a'), bytes: Buffer.from('x'), run: () => 1 };
  deepFreeze(value);
  expect(Object.isFrozen(value.url)).toBe(false);
  expect(Object.isFrozen(value.run)).toBe(false);
  expect(deepFreeze('text')).toBe('text');
  expect(deepFreeze(null)).toBeNull();
});

test('deepFreeze: freezes a circular object', () => {
  const value: { self?: unknown } = {};
  value.self = value;
  expect(Object.isFrozen(deepFreeze(value))).toBe(true);
});
