import type { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import * as ws from 'ws';
import { createBurst, messageText, sendTimePosition } from './client-frames.ts';
import type { Framing, LoadMode } from './load-plan.ts';
import { readSendTime } from './send-time.ts';

/** Reads frames. The types of the library leave it out. */
const { Receiver } = ws as unknown as {
  Receiver: new (options: { isServer: boolean }) => Writable;
};

/** The texts that a server reads, unmasked by the `ws` library. */
async function receive(bytes: Buffer): Promise<string[]> {
  const receiver = new Receiver({ isServer: true });
  const texts: string[] = [];
  receiver.on('message', (data) => texts.push(String(data)));
  await new Promise<void>((resolve, reject) => {
    receiver.on('error', reject).on('finish', resolve).end(bytes);
  });
  return texts;
}

const modes = ['echo', 'group', 'uid'] as const satisfies readonly LoadMode[];
const framings: readonly Framing[] = ['websocket', 'socket.io'];

test.each(modes.flatMap((mode) => framings.map((framing) => ({ mode, framing }))))(
  'frames of $mode over $framing are messages of the right size with the time of their sending',
  async ({ mode, framing }) => {
    const burst = createBurst({ mode, framing, size: 200 }, { sender: 7, receiver: 107 }, 3);
    const length = burst.stamp(2, 123_456_789);
    const texts = await receive(burst.bytes.subarray(0, length));
    expect(texts).toHaveLength(2);
    for (const text of texts) {
      const said = framing === 'websocket' ? text : JSON.parse(text.slice(2))[1];
      expect(said).toHaveLength(200);
      expect(readSendTime(Buffer.from(said), sendTimePosition(mode))).toBe(123_456_789);
    }
  },
);

test('a message to a uid names the receiver, one to a group its sender', () => {
  expect(messageText('uid', 20, { sender: 7, receiver: 107 })).toMatch(/^t00107 0{7}x+$/);
  expect(messageText('group', 20, { sender: 7, receiver: 107 })).toMatch(/^g0{7}00007x+$/);
});
