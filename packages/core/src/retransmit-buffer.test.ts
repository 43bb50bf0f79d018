import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RetransmitBuffer } from './retransmit-buffer.ts';

test('retransmit buffer: keeps exactly the unconfirmed bytes, for any sizes', () => {
  const step = fc.record({
    add: fc.oneof(fc.nat(200), fc.nat(140_000)),
    confirm: fc.double({ min: 0, max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const buffer = new RetransmitBuffer();
      let expected = Buffer.alloc(0);
      let next = 0;
      for (const { add, confirm } of steps) {
        const bytes = Buffer.from(Array.from({ length: add }, (_, index) => (next + index) % 251));
        next += add;
        expected = Buffer.concat([expected, bytes]);
        buffer.add(bytes);
        bytes.fill(0xff);
        const confirmed = Math.floor(expected.length * (confirm || 0));
        expect(buffer.confirm(buffer.start + confirmed)).toBe(true);
        expected = expected.subarray(confirmed);
        expect(buffer.length).toBe(expected.length);
        expect(buffer.end).toBe(next);
        expect(Buffer.concat(buffer.copy()).equals(expected)).toBe(true);
      }
    }),
    { numRuns: 30, seed: 1 },
  );
});

test('retransmit buffer: refuses an unsent position, ignores an old one', () => {
  const buffer = new RetransmitBuffer();
  buffer.add(Buffer.from('abcdef'));
  expect(buffer.confirm(3)).toBe(true);
  expect(buffer.confirm(2)).toBe(true);
  expect(buffer.confirm(7)).toBe(false);
  expect(Buffer.concat(buffer.copy()).toString()).toBe('def');
});

test('retransmit buffer: later bytes do not change earlier copies', () => {
  const buffer = new RetransmitBuffer();
  buffer.add(Buffer.from('abc'));
  const copy = Buffer.concat(buffer.copy());
  buffer.confirm(3);
  buffer.add(Buffer.from('xyz'));
  expect(copy.toString()).toBe('abc');
});
