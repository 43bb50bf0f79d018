import { type ClientFrame, encodeClientFrame } from '@gatewayworker/client-protocol';
import { expect, test } from 'vitest';
import { decodeReceivedFrame } from './received-frame.ts';

function decode(frame: ClientFrame, isBinary = true): unknown {
  return decodeReceivedFrame(Buffer.from(encodeClientFrame(frame)), isBinary);
}

const text = { number: 1, isBinary: false, payload: Buffer.from('é') };

test('received frame: text is UTF-8, bytes are anything', () => {
  expect(decode({ op: 'send', ...text })).toMatchObject({ op: 'send', number: 1 });
  expect(decode({ op: 'request', type: 't', ...text })).toMatchObject({ type: 't' });
  const bytes = { number: 1, isBinary: true, payload: Buffer.of(0xff) };
  expect(decode({ op: 'send', ...bytes })).toMatchObject({ isBinary: true });
});

test.each<[string, ClientFrame, boolean, string]>([
  ['a text frame', { op: 'pong' }, false, 'a frame is text'],
  ['a Hello', { op: 'hello' }, true, 'a second Hello'],
  [
    'a Send that is not UTF-8',
    { op: 'send', ...text, payload: Buffer.of(0xff) },
    true,
    'a text is not UTF-8',
  ],
  [
    'a Request that is not UTF-8',
    { op: 'request', type: 't', ...text, payload: Buffer.of(0xff) },
    true,
    'a text is not UTF-8',
  ],
  [
    'a type of 65,536 bytes',
    { op: 'request', ...text, type: `${'é'.repeat(32_767)}xx` },
    true,
    'a type is longer than 65535 bytes',
  ],
])('received frame: %s is refused', (_, frame, isBinary, message) => {
  expect(() => decode(frame, isBinary)).toThrow(message);
});

test('received frame: a type of 65,535 bytes is allowed', () => {
  const type = `${'é'.repeat(32_767)}x`;
  expect(decode({ op: 'request', ...text, type })).toMatchObject({ type });
});
