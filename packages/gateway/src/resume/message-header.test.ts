import { decodeGatewayFrame } from '@gatewayworker/client-protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageHeader, noOrigin, replyHeader } from './message-header.ts';

const source = fc.integer({ min: 1, max: 0xffff_ffff });
const number = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 53 - 1 }));
const origin = fc.oneof(
  fc.record({ source, offset: number }),
  fc.constant({ source: 0, offset: 0 }),
);
const payload = fc.uint8Array({ maxLength: 50 });

/** Decodes a header and a payload as a client does. */
function decode(header: Buffer, body: Uint8Array) {
  // The decoder does not know about Buffer.
  return decodeGatewayFrame(Uint8Array.from(Buffer.concat([header, body])));
}

test('message header: the decoder of clients reads what it has', () => {
  fc.assert(
    fc.property(origin, fc.boolean(), payload, (from, isBinary, body) => {
      expect(decode(messageHeader(from, isBinary), body)).toEqual({
        ...{ op: 'message', ...from, isBinary, receipt: undefined, payload: body },
      });
    }),
  );
});

test('reply header: the decoder of clients reads what it has', () => {
  const flags = fc.record({ isBinary: fc.boolean(), isFailed: fc.boolean() });
  fc.assert(
    fc.property(origin, number, flags, payload, (from, request, { isBinary, isFailed }, body) => {
      const header = replyHeader(from, request, { isBinary, isFailed });
      expect(decode(header, body)).toEqual({
        ...{ op: 'reply', ...from, number: request, isBinary, isFailed, payload: body },
      });
    }),
  );
});

test('message header: the largest one fits, and the next one is not longer than it is', () => {
  const largest = { source: 0xffff_ffff, offset: 2 ** 53 - 1 };
  expect(replyHeader(largest, 2 ** 53 - 1, { isBinary: true, isFailed: true })).toHaveLength(22);
  expect(messageHeader(noOrigin, false).toString('hex')).toBe('83000000000000');
});
