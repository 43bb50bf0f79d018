import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packValue, unpackValue } from './codec.ts';
import type { ObjectDelta, SessionDelta } from './messages.ts';
import { applyPackedSessionDelta } from './packed-session.ts';
import {
  applySessionDelta,
  emptyDelta,
  mergeDelta,
  replacementDelta,
  type SessionData,
  unsetDelta,
} from './session-delta.ts';

const keys = ['a', 'b', 'é', '0', '__proto__', 'constructor', 'k'.repeat(40), 'k'.repeat(300)];
const key = fc.constantFrom(...keys);
const leaf = fc.oneof(
  fc.constantFrom(null, undefined, true, 1, -1, 2 ** 40, 'text', 'x'.repeat(70_000)),
  fc.constantFrom(new Date(0), Buffer.from([1, 2]), [1, [2]]),
);

function objectOf<T>(held: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc.array(fc.tuple(key, held), { maxLength: 4 }).map(Object.fromEntries);
}

const { session } = fc.letrec<{ session: SessionData }>((tie) => ({
  session: objectOf(fc.oneof({ maxDepth: 3 }, leaf, tie('session'))),
}));

const { objectDelta } = fc.letrec<{ objectDelta: ObjectDelta }>((tie) => ({
  objectDelta: fc.record({
    remove: fc.array(key, { maxLength: 3 }),
    set: objectOf(fc.oneof(leaf, session)),
    merge: fc.oneof({ maxDepth: 3 }, fc.constant({}), objectOf(tie('objectDelta'))),
  }),
}));

const sessionDelta: fc.Arbitrary<SessionDelta> = fc
  .tuple(objectDelta, fc.nat(9))
  .map(([delta, kind]) => ({ ...delta, unset: kind === 0, clear: kind === 1 }));

test('applyPackedSessionDelta: same result as on the unpacked session', () => {
  fc.assert(
    fc.property(fc.option(session, { nil: undefined }), sessionDelta, (before, delta) => {
      const packed = before === undefined ? undefined : packValue(before);
      const after = applyPackedSessionDelta(packed, delta);
      const expected = applySessionDelta(before, delta);
      expect(after && unpackValue(after)).toEqual(expected && unpackValue(packValue(expected)));
    }),
    { numRuns: 2000 },
  );
});

test('applyPackedSessionDelta: unchanged keys keep their order', () => {
  const packed = packValue({ a: 1, b: { c: 2, d: 3 }, e: 4 });
  const after = applyPackedSessionDelta(packed, mergeDelta({ b: { c: 5 }, f: 6 }));
  expect(after && JSON.stringify(unpackValue(after))).toBe('{"a":1,"b":{"d":3,"c":5},"e":4,"f":6}');
});

test('applyPackedSessionDelta: reads maps with 4-bit and 32-bit counts', () => {
  const small = Buffer.from([0x81, 0xa1, 0x61, 0x01]);
  const large = Buffer.from([0xdf, 0, 0, 0, 1, 0xdb, 0, 0, 0, 1, 0x61, 0x01]);
  for (const packed of [small, large]) {
    const after = applyPackedSessionDelta(packed, mergeDelta({ b: 2 }));
    expect(after && unpackValue(after)).toEqual({ a: 1, b: 2 });
  }
});

test('applyPackedSessionDelta: the result is not in the buffer pool', () => {
  const packed = packValue({ a: 1 });
  const after = applyPackedSessionDelta(packed, emptyDelta());
  packed.fill(0);
  expect(after && unpackValue(after)).toEqual({ a: 1 });
  expect(after?.buffer.byteLength).toBe(after?.length);
});

test('applyPackedSessionDelta: refuses more than 65,535 keys', () => {
  const half = (prefix: string): SessionData =>
    Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`${prefix}${index}`, 0]));
  const packed = applyPackedSessionDelta(undefined, replacementDelta(half('a')));
  expect(() => applyPackedSessionDelta(packed, mergeDelta(half('b')))).toThrow(
    'an object would have 80000 keys; allowed: up to 65535',
  );
});

test('applyPackedSessionDelta: unset returns undefined', () => {
  expect(applyPackedSessionDelta(packValue({ a: 1 }), unsetDelta())).toBeUndefined();
});
