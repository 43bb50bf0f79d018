import { encodeGatewayFrame, encodeText } from '@gatewayworker/client-protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pass, start, useVirtualTime } from './client.fixture.ts';

useVirtualTime();

const message = { op: 'message', source: 1, offset: 1, isBinary: false } as const;

test.each([
  ['no byte', new Uint8Array()],
  ['an unknown op', Uint8Array.of(0xff)],
  ['an op of a client', Uint8Array.of(1, 1, 0)],
  ['a text message', 'hello'],
  ['a frame that is too short', Uint8Array.of(0x86, 0, 0)],
  ['bytes after the end', Uint8Array.of(0x85, 1, 1)],
  ['text that is not UTF-8', encodeGatewayFrame({ ...message, payload: Uint8Array.of(0xff) })],
  ['a second Refused', encodeGatewayFrame({ op: 'refused', status: 400, reason: '' })],
])('a gateway that sends %s: the client closes with 4502 and ends', async (_name, frame) => {
  const { client, events, messages, server } = start();
  await pass();
  server.socket.deliver(frame);
  await pass(60_000);
  expect(client.state).toBe('closed');
  expect(events.at(-1)).toEqual([
    'closed',
    { code: 4502, reason: expect.any(String), status: undefined },
  ]);
  expect(server.socket.closedWith).toBe(4502);
  expect(server.sockets).toHaveLength(1);
  expect(messages).toEqual([]);
});

test('a gateway that sends a message before the welcome: the client ends', async () => {
  const { client, server } = start({ isAutomatic: false });
  await pass();
  server.sendFrame({ ...message, payload: encodeText('1') });
  await pass();
  expect(client.state).toBe('closed');
  expect(server.socket.closedWith).toBe(4502);
});

test('a gateway that sends a second welcome: the client ends', async () => {
  const { client, server } = start();
  await pass();
  server.welcome();
  await pass();
  expect(client.state).toBe('closed');
});

test('a gateway that confirms numbers that were never sent: nothing happens', async () => {
  const { client, server } = start();
  await pass();
  server.sendFrame({ op: 'handled', number: Number.MAX_SAFE_INTEGER });
  const payload = encodeText('1');
  const reply = { op: 'reply', source: 0, offset: 0, isBinary: false, isFailed: false } as const;
  server.sendFrame({ ...reply, number: 99, payload });
  await pass();
  const call = client.send(1);
  await pass();
  await call;
  expect(client.state).toBe('open');
});

test('a gateway that sends any bytes: no exception, and the client ends or goes on', async () => {
  const ops = fc.integer({ min: 0x81, max: 0x89 });
  const frame = fc
    .tuple(ops, fc.uint8Array({ maxLength: 40 }))
    .map(([op, rest]) => Uint8Array.of(op, ...rest));
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 20 }), async (frames) => {
      const { client, server } = start();
      await pass();
      for (const bytes of frames) server.socket.deliver(bytes);
      await pass();
      expect(['open', 'closed']).toContain(client.state);
      client.close();
    }),
    { numRuns: 300 },
  );
});
