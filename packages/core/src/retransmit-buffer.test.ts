import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RetransmitBuffer } from './retransmit-buffer.ts';

test('it keeps exactly what was added and not confirmed, whatever the sizes', () => {
  const step = fc.record({
    add: fc.oneof(fc.nat(200), fc.nat(140_000)),
    confirm: fc.double({ min: 0, max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const kept = new RetransmitBuffer();
      let expected = Buffer.alloc(0);
      let next = 0;
      for (const { add, confirm } of steps) {
        const bytes = Buffer.from(Array.from({ length: add }, (_, index) => (next + index) % 251));
        next += add;
        expected = Buffer.concat([expected, bytes]);
        kept.add(bytes);
        bytes.fill(0xff);
        const confirmed = Math.floor(expected.length * (confirm || 0));
        expect(kept.confirm(kept.start + confirmed)).toBe(true);
        expected = expected.subarray(confirmed);
        expect(kept.length).toBe(expected.length);
        expect(kept.end).toBe(next);
        expect(Buffer.concat(kept.copy()).equals(expected)).toBe(true);
      }
    }),
    { numRuns: 30, seed: 1 },
  );
});

test('a position that was never sent is refused, and one that was confirmed before changes nothing', () => {
  const kept = new RetransmitBuffer();
  kept.add(Buffer.from('abcdef'));
  expect(kept.confirm(3)).toBe(true);
  expect(kept.confirm(2)).toBe(true);
  expect(kept.confirm(7)).toBe(false);
  expect(Buffer.concat(kept.copy()).toString()).toBe('def');
});

test('copies are not touched by what comes later', () => {
  const kept = new RetransmitBuffer();
  kept.add(Buffer.from('abc'));
  const copy = Buffer.concat(kept.copy());
  kept.confirm(3);
  kept.add(Buffer.from('xyz'));
  expect(copy.toString()).toBe('abc');
});
