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

test('has the message and the retry rule of the table', () => {
  const error = new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT');
  expect(error).toMatchObject({
    name: 'GatewayWorkerError',
    code: 'GW_ERR_QUERY_TIMEOUT',
    message: 'No answer within the deadline',
    retryable: true,
  });
  expect(new GatewayWorkerError('GW_ERR_PHASE').retryable).toBe(false);
});

test('takes a message and a cause of its own', () => {
  const cause = new Error('why');
  const error = new GatewayWorkerError('GW_ERR_PHASE', 'too late', { cause });
  expect(error.message).toBe('too late');
  expect(error.cause).toBe(cause);
});

test('an option error names the option, the value and what is allowed', () => {
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

test('a partial result carries what came and who is missing', () => {
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

test('an error crosses a link by its code', () => {
  const sent = new GatewayWorkerError('GW_ERR_QUERY_UNKNOWN', 'what?');
  const received = fromWire(structuredClone(toWire(sent)));
  expect(received).toBeInstanceOf(GatewayWorkerError);
  expect(received).toMatchObject({ code: 'GW_ERR_QUERY_UNKNOWN', message: 'what?' });
});

test.each([new TypeError('bad'), 'bad'])(
  'an unexpected %s crosses a link as internal',
  (thrown) => {
    expect(toWire(thrown)).toEqual({ code: 'GW_ERR_INTERNAL', message: 'bad' });
  },
);

test.each(['GW_ERR_OF_NEXT_YEAR', 'toString', ''])(
  'takes the unknown code "%s" for internal',
  (code) => {
    expect(fromWire({ code, message: 'm' })).toMatchObject({
      code: 'GW_ERR_INTERNAL',
      message: 'm',
    });
  },
);

test('makes an error of whatever was thrown', () => {
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
])('shows %s in one short line', (value, text) => {
  expect(describeValue(value)).toBe(text);
});

test('errors of another copy of the package are instances of the same classes', async () => {
  const copy: typeof import('./errors.ts') = await import(`./errors.ts?copy=${'other'}`);
  expect(copy.OptionError).not.toBe(OptionError);
  const error = new copy.OptionError('Gateway.count', 0, 'allowed: more');
  expect([error instanceof OptionError, error instanceof GatewayWorkerError]).toEqual([true, true]);
  expect(error instanceof PartialResultError).toBe(false);
  expect(toWire(error).code).toBe('GW_ERR_OPTION_INVALID');
});

test('a subclass of the application has no instances but its own', () => {
  class Own extends GatewayWorkerError {}
  const own = new Own('GW_ERR_PHASE');
  expect([own instanceof Own, own instanceof GatewayWorkerError]).toEqual([true, true]);
  expect(new GatewayWorkerError('GW_ERR_PHASE') instanceof Own).toBe(false);
  for (const value of [null, undefined, 'text', {}, new Error('x')]) {
    expect(value instanceof GatewayWorkerError).toBe(false);
  }
});

test('describeValue: does not write out a graph of shared references', () => {
  let shared: object = [];
  for (let levels = 0; levels < 80; levels += 1) shared = [shared, shared];
  expect(describeValue(shared)).toBe('an object that has no JSON form');
});
