import { PayloadFlag } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { decodeRequestData, encodeFailure, encodeReply } from './request-codec.ts';
import { RequestError } from './request-error.ts';

function requestOf(payload: Buffer, flags = 0) {
  return { number: 1, requestType: 'sum', payload, flags };
}

test.each([
  ['[1,2]', [1, 2]],
  ['null', null],
  ['"é"', 'é'],
  ['{"__proto__":{"isAdmin":true}}', JSON.parse('{"__proto__":{"isAdmin":true}}')],
  ['', undefined],
])('request data: the JSON %j is decoded', (text, expected) => {
  expect(decodeRequestData(requestOf(Buffer.from(text)))).toEqual(expected);
});

test('request data: a key __proto__ does not change the prototype', () => {
  const data = decodeRequestData(requestOf(Buffer.from('{"__proto__":{"isAdmin":true}}')));
  expect(Reflect.get(Object(data), 'isAdmin')).toBeUndefined();
});

test('request data: bytes are copied', () => {
  const payload = Buffer.from([0, 255]);
  const data = decodeRequestData(requestOf(payload, PayloadFlag.Binary | PayloadFlag.Redelivered));
  payload.fill(7);
  expect(data).toEqual(Buffer.from([0, 255]));
});

test.each(['{', 'undefined', '1 2', '\u0000'])('request data: %j is a bad request', (text) => {
  const decode = (): unknown => decodeRequestData(requestOf(Buffer.from(text)));
  expect(decode).toThrow(RequestError);
  expect(decode).toThrow(
    expect.objectContaining({ code: 'bad-request', cause: expect.any(SyntaxError) }),
  );
});

test('reply: bytes are sent as they are, also those of a subarray', () => {
  const data = Buffer.from('xhix').subarray(1, 3);
  expect(encodeReply(data)).toEqual({ data, isFailed: false });
  expect(encodeReply(new Uint8Array([1]))).toEqual({ data: new Uint8Array([1]), isFailed: false });
});

test.each([
  [{ a: 1 }, '{"a":1}'],
  ['text', '"text"'],
  [null, 'null'],
  [Number.NaN, 'null'],
  [undefined, ''],
  [() => 1, ''],
  [new Date(0), '"1970-01-01T00:00:00.000Z"'],
])('reply: %j is sent as the JSON %j', (result, data) => {
  expect(encodeReply(result)).toEqual({ data, isFailed: false });
});

test('reply: a value without JSON throws', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  expect(() => encodeReply(cycle)).toThrow(TypeError);
  expect(() => encodeReply(1n)).toThrow(TypeError);
});

test('failure: the client gets code and message of a RequestError', () => {
  expect(encodeFailure(new RequestError('not-found', 'no such thing'))).toEqual({
    data: '{"code":"not-found","message":"no such thing"}',
    isFailed: true,
  });
  expect(encodeFailure(new RequestError('late'))).toMatchObject({
    data: '{"code":"late","message":"late"}',
  });
});

test.each([[new Error('password is 123')], ['text'], [undefined], [{ code: 'x', message: 'y' }]])(
  'failure: nothing of %j reaches the client',
  (error) => {
    expect(encodeFailure(error)).toEqual({
      data: '{"code":"internal","message":"internal error"}',
      isFailed: true,
    });
  },
);

test('RequestError: has its name, code, message and cause', () => {
  const cause = new Error('below');
  const error = new RequestError('a', 'b', { cause });
  expect(error).toMatchObject({ name: 'RequestError', code: 'a', message: 'b', cause });
  expect(error).toBeInstanceOf(Error);
});
