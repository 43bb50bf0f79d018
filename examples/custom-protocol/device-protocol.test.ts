import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deviceProtocol } from './device-protocol.ts';

test('device protocol: decodes an encoded text, followed by other bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.uint8Array(), (text, rest) => {
      const frame = Buffer.from(deviceProtocol.encode(text));
      const decoded = deviceProtocol.decode(Buffer.concat([frame, rest]));
      expect(decoded).toEqual({ message: text, byteLength: frame.length });
    }),
  );
});

test('device protocol: an incomplete frame decodes to undefined', () => {
  const frame = Buffer.from(deviceProtocol.encode('21.5'));
  for (let length = 1; length < frame.length; length += 1) {
    expect(deviceProtocol.decode(frame.subarray(0, length))).toBeUndefined();
  }
});

test('device protocol: a wrong first byte, checksum or length throws', () => {
  const frame = Buffer.from(deviceProtocol.encode('21.5'));
  const broken = Buffer.from(frame);
  broken.writeUInt8(broken.readUInt8(4) ^ 1, 4);
  expect(() => deviceProtocol.decode(broken)).toThrow(/checksum/);
  expect(() => deviceProtocol.decode(Buffer.from('GET /'))).toThrow(/0xA5/);
  expect(() => deviceProtocol.decode(Buffer.of(0xa5, 0xff, 0xff))).toThrow(/65535 bytes/);
});

test('device protocol: encoding a text of more than 1,024 bytes throws', () => {
  expect(() => deviceProtocol.encode('x'.repeat(1025))).toThrow(/1025 bytes/);
});
