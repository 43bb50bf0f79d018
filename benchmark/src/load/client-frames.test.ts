import { expect, test } from 'vitest';
import { createBurst, messageText, sendTimePosition } from './client-frames.ts';
import type { Framing, LoadMode } from './load-plan.ts';
import { readSendTime } from './send-time.ts';

/** Decodes the frames like a server: final text frames with a mask (RFC 6455 5.2). */
function receive(bytes: Buffer): string[] {
  const texts: string[] = [];
  let position = 0;
  while (position < bytes.length) {
    expect(bytes[position]).toBe(0x81);
    const second = bytes[position + 1] ?? 0;
    expect(second & 0x80).toBe(0x80);
    const isLong = (second & 127) === 126;
    const length = isLong ? bytes.readUInt16BE(position + 2) : second & 127;
    const mask = position + (isLong ? 4 : 2);
    const text = Buffer.from(bytes.subarray(mask + 4, mask + 4 + length));
    for (const [index, byte] of text.entries())
      text[index] = byte ^ (bytes[mask + (index % 4)] ?? 0);
    texts.push(text.toString());
    position = mask + 4 + length;
  }
  expect(position).toBe(bytes.length);
  return texts;
}

const modes = ['echo', 'group', 'uid'] as const satisfies readonly LoadMode[];
const framings: readonly Framing[] = ['websocket', 'socket.io'];

test.each(
  modes.flatMap((mode) =>
    framings.flatMap((framing) => [64, 4096].map((size) => ({ mode, framing, size }))),
  ),
)(
  'frames: $mode, $size bytes, $framing: size and send time are right',
  ({ mode, framing, size }) => {
    const burst = createBurst({ mode, framing, size }, { sender: 7, receiver: 107 }, 3);
    const length = burst.stamp(2, 123_456_789);
    const texts = receive(burst.bytes.subarray(0, length));
    expect(texts).toHaveLength(2);
    for (const text of texts) {
      const message = framing === 'websocket' ? text : JSON.parse(text.slice(2))[1];
      expect(message).toHaveLength(size);
      expect(readSendTime(Buffer.from(message), sendTimePosition(mode))).toBe(123_456_789);
    }
  },
);

test('frames: a uid message names the receiver, a group message the sender', () => {
  expect(messageText('uid', 20, { sender: 7, receiver: 107 })).toMatch(/^t00107 0{7}x+$/);
  expect(messageText('group', 20, { sender: 7, receiver: 107 })).toMatch(/^g0{7}00007x+$/);
});
