import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromByteString, toByteString } from './byte-string.ts';

test('byte string: round-trips any bytes of any part of a buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(8), (bytes, offset) => {
      const buffer = new Uint8Array([...new Uint8Array(offset), ...bytes, 7]);
      const text = toByteString(buffer.subarray(offset, offset + bytes.length));
      expect(text).toHaveLength(bytes.length);
      expect(fromByteString(text).equals(bytes)).toBe(true);
    }),
  );
});
