import { expect, test } from 'vitest';
import {
  describeValue,
  fromWire,
  GatewayWorkerError,
  OptionError,
  PartialResultError,
  toError,
  toWire,
} from './errors.ts';

test('error: has the message and retryable of its code', () => {
  const error = new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT');
  expect(error).toMatchObject({
    name: 'GatewayWorkerError',
    code: 'GW_ERR_QUERY_TIMEOUT',
    message: 'No answer within the deadline',
    retryable: true,
  });
  expect(new GatewayWorkerError('GW_ERR_PHASE').retryable).toBe(false);
});

test('error: a given message and cause replace the defaults', () => {
  const cause = new Error('why');
  const error = new GatewayWorkerError('GW_ERR_PHASE', 'too late', { cause });
  expect(error.message).toBe('too late');
  expect(error.cause).toBe(cause);
});

test('option error: names the option, the value and what is allowed', () => {
  const error = new OptionError('Gateway.count', -1, 'allowed: 1 to 5');
  expect(error).toBeInstanceOf(GatewayWorkerError);
  expect(error).toMatchObject({
    name: 'OptionError',
    code: 'GW_ERR_OPTION_INVALID',
    option: 'Gateway.count',
    value: -1,
    message: 'option Gateway.count is -1; allowed: 1 to 5',
  });
});

test('partial result: contains the answers and the missing gateways', () => {
  const error = new PartialResultError([1], ['a:1', 'b:2']);
  expect(error).toMatchObject({
    name: 'PartialResultError',
    code: 'GW_ERR_PARTIAL_RESULT',
    retryable: true,
    partial: [1],
    missing: ['a:1', 'b:2'],
    message: 'no answer from a:1, b:2',
  });
});

test('error: is rebuilt after a link by its code', () => {
  const sent = new GatewayWorkerError('GW_ERR_QUERY_UNKNOWN', 'what?');
  const received = fromWire(structuredClone(toWire(sent)));
  expect(received).toBeInstanceOf(GatewayWorkerError);
  expect(received).toMatchObject({ code: 'GW_ERR_QUERY_UNKNOWN', message: 'what?' });
});

test.each([new TypeError('bad'), 'bad'])(
  'error: an unexpected %s is sent over a link as internal',
  (thrown) => {
    expect(toWire(thrown)).toEqual({ code: 'GW_ERR_INTERNAL', message: 'bad' });
  },
);

test.each(['GW_ERR_OF_NEXT_YEAR', 'toString', ''])(
  'error: the unknown code "%s" becomes internal',
  (code) => {
    expect(fromWire({ code, message: 'm' })).toMatchObject({
      code: 'GW_ERR_INTERNAL',
      message: 'm',
    });
  },
);

test('toError: converts any thrown value to an Error', () => {
  const error = new RangeError('x');
  expect(toError(error)).toBe(error);
  expect(toError('text').message).toBe('text');
  expect(toError(undefined).message).toBe('undefined');
  expect(toError({ a: 1 })).toBeInstanceOf(Error);
});

const circular: { self?: unknown } = {};
circular.self = circular;

test.each<[unknown, string]>([
  ['a "b"', '"a \\"b\\""'],
  ['x'.repeat(80), `"${'x'.repeat(80)}"`],
  ['x'.repeat(81), `"${'x'.repeat(77)}..."`],
  [5, '5'],
  [Number.NaN, 'NaN'],
  [5n, '5n'],
  [true, 'true'],
  [undefined, 'undefined'],
  [null, 'null'],
  [Symbol('s'), 'Symbol(s)'],
  [() => 1, 'a function'],
  [Buffer.from('abc'), '3 bytes'],
  [{ a: [1] }, '{"a":[1]}'],
  [Array(100).fill(1), `[${'1,'.repeat(38)}...`],
  [circular, 'an object that has no JSON form'],
  [{ a: 5n }, 'an object that has no JSON form'],
  [{ toJSON: () => undefined }, 'an object'],
])('describeValue: formats %s as one short line', (value, text) => {
  expect(describeValue(value)).toBe(text);
});

test('error: an error of another copy of the package is an instance of the class', async () => {
  const copy: typeof import('./errors.ts') = await import(`./errors.ts?copy=${'other'}`);
  expect(copy.OptionError).not.toBe(OptionError);
  const error = new copy.OptionError('Gateway.count', 0, 'allowed: more');
  expect([error instanceof OptionError, error instanceof GatewayWorkerError]).toEqual([true, true]);
  expect(error instanceof PartialResultError).toBe(false);
  expect(toWire(error).code).toBe('GW_ERR_OPTION_INVALID');
});

test('error: instanceof of a subclass accepts only its own instances', () => {
  class Own extends GatewayWorkerError {}
  const own = new Own('GW_ERR_PHASE');
  expect([own instanceof Own, own instanceof GatewayWorkerError]).toEqual([true, true]);
  expect(new GatewayWorkerError('GW_ERR_PHASE') instanceof Own).toBe(false);
  for (const value of [null, undefined, 'text', {}, new Error('x')]) {
    expect(value instanceof GatewayWorkerError).toBe(false);
  }
});

test('describeValue: does not repeat shared references without limit', () => {
  let shared: object = [];
  for (let levels = 0; levels < 80; levels += 1) shared = [shared, shared];
  expect(describeValue(shared)).toBe('an object that has no JSON form');
});
