import { expect, test } from 'vitest';
import { assertSecretKey } from './cluster-options.ts';

test.each(['127.0.0.1', '127.1.2.3', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost'])(
  'secret key: not required on %s, which is this machine',
  (host) => {
    assertSecretKey('Gateway', '', host);
  },
);

test.each([
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '128.0.0.1',
  '127.0.0.1.evil.org',
  '127.0.0',
  'example.org',
  '',
])('secret key: required on %s, which other machines can reach', (host) => {
  assertSecretKey('Gateway', 'key', host);
  expect(() => assertSecretKey('Gateway', '', host)).toThrow(
    expect.objectContaining({ code: 'GW_ERR_OPTION_INVALID', option: 'Gateway.secretKey' }),
  );
});

test('secret key: the error about a wrong type shows only the type', () => {
  expect(() => assertSecretKey('Gateway', { key: 'hunter2' }, '127.0.0.1')).toThrow(
    'option Gateway.secretKey is "object"; allowed: a string, or a list of 1 to 8 strings',
  );
});

test.each([[[]], [['']], [['a', '']], [[1]], [Array.from({ length: 9 }, () => 'k')]])(
  'secret key: refuses the list %j',
  (keys) => {
    expect(() => assertSecretKey('Gateway', keys, '127.0.0.1')).toThrow('is "list"; allowed');
  },
);

test('secret key: accepts a list', () => {
  assertSecretKey('Gateway', ['old', 'new'], '10.0.0.1');
});

test('secret key: an undefined one is refused beyond loopback, with a question', () => {
  assertSecretKey('Gateway', undefined, '127.0.0.1');
  assertSecretKey('Gateway', undefined);
  const text =
    'option Gateway.secretKey is undefined; is the environment variable set? a key is required because 10.0.0.1 is not a loopback address';
  expect(() => assertSecretKey('Gateway', undefined, '10.0.0.1')).toThrow(text);
  expect(() => assertSecretKey('Gateway', '', '10.0.0.1')).toThrow(
    'option Gateway.secretKey is ""; a key is required because',
  );
});

test('secret key: an undefined entry of a list is refused, with a question', () => {
  expect(() => assertSecretKey('Gateway', ['old', undefined])).toThrow(
    'a list of 1 to 8 strings; one of it is undefined: is the environment variable set?',
  );
});
