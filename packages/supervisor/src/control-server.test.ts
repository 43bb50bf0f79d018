import { temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ControlClient } from './control-client.ts';
import { ControlServer } from './control-server.ts';

test('passes on the parts of an answer before its result', async () => {
  const folder = await temporaryFolder('parts');
  onTestFinished(folder.dispose);
  const path = `${folder.path}/x.sock`;
  const server = new ControlServer(path, {
    async onOrder(_, sendPart) {
      for (const part of [1, 2, 3]) expect(await sendPart(part)).toBe(true);
      return 'done';
    },
    onOrphan: (_, socket) => socket.destroy(),
  });
  await server.tryListen();
  onTestFinished(() => server.close());
  const client = await ControlClient.connect(path);
  const parts: unknown[] = [];
  const order = { command: 'reload' } as const;
  expect(await client?.request(order, 5_000, (part) => parts.push(part))).toBe('done');
  expect(parts).toEqual([1, 2, 3]);
  client?.close();
});
