import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { boundPort, listen } from './listen.ts';

test('listen: a failed attempt leaves no listeners, and can be repeated', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = { host: '127.0.0.1', port: boundPort(other) };
  const server = createServer();
  onTestFinished(() => void server.close());
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(listen(server, address, 'Gateway "gate"')).rejects.toMatchObject({
      code: 'GW_ERR_LISTEN_FAILED',
      message: `Gateway "gate" cannot listen on 127.0.0.1:${address.port}: the port is in use by another process`,
    });
  }
  other.close();
  await once(other, 'close');
  await listen(server, address, 'Gateway "gate"');
  expect(boundPort(server)).toBe(address.port);
  expect([server.listenerCount('listening'), server.listenerCount('error')]).toEqual([0, 0]);
});
