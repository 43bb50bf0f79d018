import { eventually, openTcpPeer, type TcpPeer } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { startEveryRow } from './fixtures/every-row/every-row.ts';

test('connections past what a full gateway takes are closed at once, and counted', async () => {
  const row = await startEveryRow([
    { scheme: 'websocket', name: 'first', count: 1 },
    {
      scheme: 'websocket',
      name: 'full',
      count: 1,
      maxConnections: 1,
      handshakeTimeoutMs: 3_600_000,
    },
  ]);
  onTestFinished(() => row.dispose());
  const bystander = await row.open();
  const [, port = 0] = row.ports;
  const member = await row.open('/', {}, 1);
  const held: TcpPeer[] = [];
  onTestFinished(() => {
    for (const peer of held) peer.destroy();
  });
  const hold = async (count: number): Promise<TcpPeer[]> => {
    const peers = await Promise.all(Array.from({ length: count }, () => openTcpPeer(port)));
    held.push(...peers);
    return peers;
  };
  for (let round = 0; round < 16; round += 1) await hold(64);
  expect(await row.limit('full', 'connections')).toBe(0);
  const extra = await hold(10);
  await Promise.all(extra.map((peer) => peer.ended));
  await eventually(async () => (await row.limit('full', 'connections')) === 10);
  for (const { client } of [bystander, member]) {
    client.send('still here');
    expect(await client.next()).toBe('still here');
  }
  // There is room again when one has gone.
  const [gone] = held;
  gone?.destroy();
  await eventually(async () => {
    const [next] = await hold(1);
    next?.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await next?.ended;
    return next?.received.includes('426') === true;
  });
});
