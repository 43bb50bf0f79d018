import { formatClientId } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import {
  parseClientIdArgument,
  parseClientIdsArgument,
  parseClose,
  parseGroup,
  parseGroupList,
  parseGroups,
  parsePayload,
  parseUid,
  parseUidList,
  parseUids,
} from './arguments.ts';

const address = { gatewayToken: 1, connection: 2, nonceHigh: 3, nonceLow: 4 };
const clientId = formatClientId(address);

/** Values that are neither a string nor a finite number. */
const otherTypes = [
  undefined,
  null,
  true,
  {},
  [],
  Symbol('s'),
  () => 'x',
  5n,
  Number.NaN,
  Infinity,
];

test('client id: parses a client id', () => {
  expect(parseClientIdArgument('clientId', clientId)).toEqual(address);
});

test('client id: returns undefined for another text', () => {
  expect(parseClientIdArgument('clientId', 'unknown')).toBeUndefined();
  expect(parseClientIdArgument('clientId', `${clientId}x`)).toBeUndefined();
});

test.each(['', 7, ...otherTypes])('client id: throws a TypeError for %s', (value) => {
  expect(() => parseClientIdArgument('clientId', value)).toThrow(TypeError);
  expect(() => parseClientIdArgument('clientId', value)).toThrow(/^clientId is /);
});

test('client ids: parses a list or one, and omits invalid ids', () => {
  expect(parseClientIdsArgument('only', [clientId, 'unknown'])).toEqual([address]);
  expect(parseClientIdsArgument('only', clientId)).toEqual([address]);
  expect(parseClientIdsArgument('only', [])).toEqual([]);
  expect(() => parseClientIdsArgument('only', [clientId, ''])).toThrow(TypeError);
  expect(() => parseClientIdsArgument('only', [[clientId]])).toThrow(/^only\[0\] is /);
});

test.each<[unknown, string]>([
  ['7', '7'],
  [7, '7'],
  [0, '0'],
  [-7, '-7'],
  [Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ['é', 'é'],
  [' ', ' '],
])('uid: parses %j', (value, expected) => {
  expect(parseUid(value)).toBe(expected);
});

test.each(['', 1.5, 2 ** 53, 1e21, '\ud800', 'a\udc00b', ...otherTypes])(
  'uid: throws a TypeError for %s',
  (value) => {
    expect(() => parseUid(value)).toThrow(TypeError);
    expect(() => parseUids(['ok', value])).toThrow(/^uid\[1\] (?:is|has) .*; allowed: /);
    expect(() => parseUid(value)).toThrow(/^uid (?:is|has) /);
  },
);

test.each(['', 7, '\ud800', ...otherTypes])('group: throws a TypeError for %s', (value) => {
  expect(() => parseGroup(value)).toThrow(TypeError);
  expect(() => parseGroups(['ok', value])).toThrow(/^group\[1\] (?:is|has) /);
});

test('uids, groups: parses a list or one, without duplicates', () => {
  expect(parseUids([1, 'b'])).toEqual(['1', 'b']);
  expect(parseUids(1)).toEqual(['1']);
  expect(parseUids([])).toEqual([]);
  expect(parseGroups(['a', 'b'])).toEqual(['a', 'b']);
  expect(parseGroups('a')).toEqual(['a']);
  expect([parseUids([7, '7']), parseGroups(['a', 'a'])]).toEqual([['7'], ['a']]);
});

test('lists: a hole is refused', () => {
  const sparse: unknown[] = [clientId];
  sparse[2] = clientId;
  expect(() => parseUids(sparse)).toThrow('uid[1] is undefined; allowed: ');
  expect(() => parseGroups(sparse)).toThrow('group[1] is undefined; allowed: ');
  expect(() => parseGroups(new Array(3))).toThrow('group[0] is undefined');
  expect(() => parseClientIdsArgument('only', sparse)).toThrow('only[1] is undefined');
});

test('lists: throws a RangeError for receivers that fill a frame', () => {
  const names = Array.from({ length: 128 }, (_, index) => String(index).padStart(65_531, 'x'));
  expect(parseUids(names)).toHaveLength(128);
  expect(() => parseUids([...names, 'y'])).toThrow(/^uid takes 8388614 bytes/);
  expect(() => parseGroups([...names, 'y'])).toThrow(RangeError);
  const ids = new Array(500_001).fill('unknown');
  expect(() => parseClientIdsArgument('exclude', ids)).toThrow(RangeError);
  expect(() => parseClientIdsArgument('exclude', ids)).toThrow('exclude has 500001 entries');
  expect(parseClientIdsArgument('exclude', ids.slice(1))).toEqual([]);
});

test('lists: parses the names of a query, without duplicates', () => {
  expect(parseUidList('uids', [7, 'b', '7', 'b'])).toEqual(['7', 'b']);
  expect(parseGroupList('groups', ['a', 'b', 'a'])).toEqual(['a', 'b']);
  expect([parseUidList('uids', []), parseGroupList('groups', [])]).toEqual([[], []]);
});

test.each(['u', 7, undefined, null, {}, new Set(['u'])])(
  'lists: throws a TypeError for %s',
  (value) => {
    expect(() => parseUidList('uids', value)).toThrow(TypeError);
    expect(() => parseUidList('uids', value)).toThrow(/^uids is .*; allowed: a list$/);
    expect(() => parseGroupList('groups', value)).toThrow(/^groups is .*; allowed: a list$/);
  },
);

test('lists: the error names the wrong entry', () => {
  for (const wrong of ['', ...otherTypes]) {
    expect(() => parseUidList('uids', ['ok', wrong])).toThrow(TypeError);
    expect(() => parseUidList('uids', ['ok', wrong])).toThrow(/^uids\[1\] is /);
    expect(() => parseGroupList('groups', [wrong])).toThrow(/^groups\[0\] is /);
  }
  expect(() => parseGroupList('groups', [7])).toThrow(TypeError);
  const sparse: unknown[] = ['a'];
  sparse.length = 2;
  expect(() => parseUidList('uids', sparse)).toThrow(TypeError);
  expect(() => parseUidList('uids', ['x'.repeat(65_536)])).toThrow(/^uids\[0\] is longer/);
});

test('lists: throws a RangeError for more than 16 MiB', () => {
  const names = Array.from({ length: 256 }, (_, index) => String(index).padStart(65_531, 'x'));
  expect(parseUidList('uids', names)).toHaveLength(256);
  expect(() => parseUidList('uids', [...names, 'y'])).toThrow(RangeError);
  expect(() => parseGroupList('groups', [...names, 'y'])).toThrow(/^groups takes 16777222 bytes/);
});

test.each([
  ['x'.repeat(65_535), true],
  ['x'.repeat(65_536), false],
  ['€'.repeat(21_845), true],
  ['€'.repeat(21_846), false],
])('names: accepts up to 65,535 bytes', (name, isAllowed) => {
  for (const parse of [parseUid, parseGroup]) {
    if (isAllowed) expect(parse(name)).toBe(name);
    else expect(() => parse(name)).toThrow(RangeError);
  }
});

test.each<[string, unknown]>([
  ['text', 'x'],
  ['empty text', ''],
  ['a Buffer', Buffer.from('x')],
  ['bytes', Uint8Array.of(1)],
])('payload: accepts %s', (_what, value) => {
  expect(parsePayload(value)).toBe(value);
});

test('payload: bytes of another class are sent with their real length', () => {
  class WrongLength extends Uint8Array {
    override get length(): number {
      throw new Error('the length is unknown');
    }
    override get byteLength(): number {
      return 1000;
    }
    override subarray(): Uint8Array<ArrayBuffer> {
      return new Uint8Array();
    }
  }
  const bytes = new WrongLength([1, 2, 3]);
  expect(parsePayload(bytes)).toEqual(Uint8Array.of(1, 2, 3));
  const shadowed = Object.defineProperty(Uint8Array.of(4, 5), 'length', { value: 100 });
  expect(parsePayload(shadowed)).toEqual(Uint8Array.of(4, 5));
  expect(() => parsePayload(new Proxy(Uint8Array.of(1), {}))).toThrow(TypeError);
  expect(() => parsePayload(Object.create(Uint8Array.prototype))).toThrow(TypeError);
});

test.each([
  7,
  ...otherTypes,
  new ArrayBuffer(1),
  new Uint16Array(1),
  new DataView(new ArrayBuffer(1)),
])('payload: throws a TypeError for %s', (value) => {
  expect(() => parsePayload(value)).toThrow(TypeError);
  expect(() => parsePayload(value)).toThrow('allowed: a string, a Buffer or a Uint8Array');
});

test('payload: accepts 16 MiB and refuses one byte more', () => {
  const most = 16 * 1024 * 1024;
  parsePayload(Buffer.alloc(most));
  parsePayload('x'.repeat(most));
  expect(() => parsePayload(Buffer.alloc(most + 1))).toThrow(RangeError);
  expect(() => parsePayload('x'.repeat(most + 1))).toThrow(RangeError);
  expect(() => parsePayload('é'.repeat(most / 2 + 1))).toThrow('data takes 16777218 bytes');
});

test('close: defaults are 1000, no reason and no last message', () => {
  expect(parseClose(undefined)).toEqual({ code: 1000, reason: '', payload: undefined });
  expect(parseClose(null, {})).toEqual({ code: 1000, reason: '', payload: undefined });
  expect(parseClose('bye', { code: 4000, reason: 'r' })).toEqual({
    code: 4000,
    reason: 'r',
    payload: 'bye',
  });
});

test('close: an empty last message is kept', () => {
  expect(parseClose('').payload).toBe('');
});

test.each([0, 999, 1005, 1006, 1015, 2999, 5000, 1000.5, Number.NaN])(
  'close: throws a RangeError for the code %d',
  (code) => {
    expect(() => parseClose(undefined, { code })).toThrow(RangeError);
  },
);

test('close: accepts a reason of up to 123 bytes', () => {
  expect(parseClose(undefined, { reason: 'é'.repeat(61) }).reason).toHaveLength(61);
  expect(() => parseClose(undefined, { reason: 'é'.repeat(62) })).toThrow(RangeError);
  const wrong: Record<string, unknown> = { reason: 7 };
  expect(() => parseClose(undefined, Object.assign({}, wrong))).toThrow(TypeError);
});

test.each<[string, unknown, string]>([
  ['a list', [clientId], 'options is '],
  ['null', null, 'options is null; allowed: an object with code, reason'],
  ['text', 'x', 'options is '],
  [
    'of an unknown key',
    { code: 1000, why: 'x' },
    'options.why is unknown; allowed: an object with',
  ],
])('close: throws a TypeError for options that are %s', (_what, options, text) => {
  const close = (): unknown => Reflect.apply(parseClose, undefined, ['bye', options]);
  expect(close).toThrow(TypeError);
  expect(close).toThrow(text);
});

test('close: throws a TypeError for a last message of a wrong type', () => {
  expect(() => parseClose(7)).toThrow(TypeError);
});
