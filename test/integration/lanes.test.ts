import { formatClientId } from '@gatewayworker/protocol';
import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { FakeGateway } from './fake-gateway.ts';
import { roles } from './roles.ts';

test('lane: a client that resumes at another gateway gets what it has missed', async () => {
  const cluster = await roles({ events: {}, gateways: 0, workers: 0 });
  const first = await FakeGateway.start(1, cluster.registerAddress);
  const second = await FakeGateway.start(2, cluster.registerAddress);
  const api = await cluster.gatewayClient();
  const clientId = formatClientId({ gatewayToken: 1, connection: 7, nonceHigh: 5, nonceLow: 6 });
  await eventually(() => first.link !== undefined && second.link !== undefined);
  api.sendToClient(clientId, 'not kept');
  for (const gateway of [first, second]) {
    gateway.send({ type: 'laneSubscribe', maxAgeMs: 60_000, maxBytes: 1_000_000 });
    await eventually(() => gateway.frames.some((frame) => frame.startsWith('started')));
  }
  api.sendToClient(clientId, 'a');
  await eventually(() => first.frames.includes('live 1 a'));
  await first.stop();
  await eventually(() => !api.sendToClient(clientId, 'b'));
  second.requestReplay(clientId);
  await eventually(() => second.frames.some((frame) => frame.startsWith('done')));
  // The client id leads to the second gateway now.
  expect(api.sendToClient(clientId, 'c')).toBe(true);
  await eventually(() => second.frames.at(-1)?.endsWith('c'));
  const [started, ...rest] = second.frames;
  const offsets = Array.from({ length: rest.length - 2 }, (_, index) => index + 1);
  const last = offsets.length;
  expect(started).toBe('started 0');
  expect(rest).toEqual([
    ...offsets.map((offset) => `replay ${offset} ${offset === 1 ? 'a' : 'b'}`),
    `done ${last}`,
    `live ${last + 1} c`,
  ]);
  expect(first.frames.slice(0, 3)).toEqual(['live 0 not kept', 'started 0', 'live 1 a']);
});
