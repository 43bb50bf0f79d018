import { unpackValue } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { packSession } from './session-argument.ts';

class Player {
  readonly name = 'Tom';
}

test('packSession: a session is equal after a round trip', () => {
  const session = {
    text: 'é\u{1f600}',
    numbers: [0, -1, 1.5, 2 ** 60, Number.NaN, -Infinity],
    big: [5n, 2n ** 64n - 1n, -(2n ** 63n)],
    none: [null, undefined, true],
    dates: [new Date(0), new Date(-1), new Date(8.64e15), new Date(Number.NaN)],
    bytes: Buffer.from('x'),
    deep: { er: { list: [{ a: 1 }] } },
    '': 1,
  };
  expect(unpackValue(packSession('session', session))).toEqual(session);
  const bytes = unpackValue(packSession('session', { bytes: Uint8Array.of(1) }));
  expect(bytes).toEqual({ bytes: Buffer.of(1) });
});

test.each<[string, unknown]>([
  ['undefined', undefined],
  ['null', null],
  ['a string', 'x'],
  ['a list', []],
  ['a map', new Map()],
  ['an object of a class', new Player()],
])('packSession: throws a TypeError when the session is %s', (_what, session) => {
  expect(() => packSession('session', session)).toThrow(TypeError);
  expect(() => packSession('partial', session)).toThrow(/^partial is .*; allowed: a plain object$/);
});

const circular: Record<string, unknown> = {};
circular['self'] = circular;

class OwnBytes extends Uint8Array {}

test.each<[string, unknown]>([
  ['a Map', new Map()],
  ['a Set', new Set()],
  ['a RegExp', /x/g],
  ['a TypeError', new TypeError('x')],
  ['a Promise', Promise.resolve()],
  ['a WeakMap', new WeakMap()],
  ['a String', Object('x')],
  ['a BigInt', Object(1n)],
  ['a Player', new Player()],
  ['an OwnBytes', new OwnBytes(1)],
  ['a Float32Array', new Float32Array(1)],
  ['an ArrayBuffer', new ArrayBuffer(1)],
  ['a DataView', new DataView(new ArrayBuffer(1))],
  ['this object', Object.create({ constructor: undefined })],
  ['a function', () => 1],
  ['a symbol', Symbol('s')],
  ['a symbol', { [Symbol('key')]: 1 }],
  ['a bigint of more than 64 bits', 2n ** 64n],
  ['half a surrogate pair', '\ud800'],
])('packSession: throws a TypeError with the path of %s', (what, value) => {
  const session = { cart: { items: [0, 1, 2, value] } };
  const text = `session.cart.items[3]: ${what} cannot be stored`;
  expect(() => packSession('session', session)).toThrow(new TypeError(text));
});

test('packSession: throws a TypeError for a key that cannot be stored', () => {
  const proto = JSON.parse('{"a":{"__proto__":1}}');
  expect(() => packSession('session', proto)).toThrow('session.a.__proto__: a key of this name');
  const half = { a: { '\ud800': 1 } };
  expect(() => packSession('session', half)).toThrow('session.a.\ufffd: half a surrogate pair');
});

test('packSession: throws a TypeError for a circular session', () => {
  const text = 'more than 100 levels cannot be stored';
  expect(() => packSession('session', circular)).toThrow(TypeError);
  expect(() => packSession('session', circular)).toThrow(text);
});

test('packSession: throws a TypeError when reading a value throws', () => {
  const failing = Object.defineProperty({}, 'a', {
    enumerable: true,
    get: () => {
      throw new Error('not now');
    },
  });
  const wrong = expect.objectContaining({
    name: 'TypeError',
    message: 'session cannot be serialised',
    cause: new Error('not now'),
  });
  expect(() => packSession('session', failing)).toThrow(wrong);
});

test('packSession: throws a RangeError for more than 1 MiB', () => {
  const most = 1024 * 1024;
  expect(packSession('session', { a: 'x'.repeat(most - 20) }).length).toBeLessThanOrEqual(most);
  expect(() => packSession('session', { a: 'x'.repeat(most) })).toThrow(RangeError);
});

test('packSession: counts a shared reference each time, and stops at 1 MiB', () => {
  let shared: object = {};
  for (let levels = 0; levels < 80; levels += 1) shared = { l: shared, r: shared };
  const before = process.cpuUsage();
  const text = 'session takes more than 1048576 bytes; allowed: up to 1048576';
  expect(() => packSession('session', { shared })).toThrow(new RangeError(text));
  // 2^80 objects would take longer than there is time.
  expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
  const twice = { a: 1 };
  expect(unpackValue(packSession('session', { l: twice, r: twice }))).toEqual({
    l: { a: 1 },
    r: { a: 1 },
  });
});

test('packSession: refuses a list with a hole, also a very long one', () => {
  const sparse: number[] = [];
  sparse[1e9] = 1;
  const text = 'session.list[0]: a hole of a list cannot be stored';
  expect(() => packSession('session', { list: sparse })).toThrow(new TypeError(text));
  const long = [1, 2, 3];
  long.length = 1e9;
  expect(() => packSession('session', { list: long })).toThrow('session.list[3]: a hole');
  expect(unpackValue(packSession('session', { list: [undefined] }))).toEqual({ list: [undefined] });
});

test('packSession: refuses a circular object with two references in time', () => {
  const cycle: Record<string, unknown> = {};
  cycle['a'] = cycle;
  cycle['b'] = cycle;
  expect(() => packSession('session', cycle)).toThrow('more than 100 levels cannot be stored');
});
