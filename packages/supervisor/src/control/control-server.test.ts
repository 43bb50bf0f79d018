import { connect } from 'node:net';
import { createLogger } from '@gatewayworker/core';
import { eventually, FaultyGuard, temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ControlClient } from './control-client.ts';
import { ControlServer } from './control-server.ts';

test('control server: sends the parts of an answer before its result', async () => {
  const folder = await temporaryFolder('parts');
  onTestFinished(folder.dispose);
  const path = `${folder.path}/x.sock`;
  const server = new ControlServer(path, {
    parseOrder: (value) => value,
    async onOrder(_, sendPart) {
      for (const part of [1, 2, 3]) expect(await sendPart(part)).toBe(true);
      return 'done';
    },
  });
  await server.tryListen();
  onTestFinished(() => server.close());
  const client = await ControlClient.connect(path);
  const parts: unknown[] = [];
  const order = { command: 'reload' } as const;
  expect(await client?.request(order, 5_000, (part) => void parts.push(part))).toBe('done');
  expect(parts).toEqual([1, 2, 3]);
  client?.close();
});

test.each(['control connection', 'control data', 'control answer', 'control keepalive'])(
  'control server: an exception at %s closes only its connection',
  async (point) => {
    const folder = await temporaryFolder('faults');
    onTestFinished(folder.dispose);
    const path = `${folder.path}/x.sock`;
    const guard = new FaultyGuard(createLogger({ stdout: false }));
    let isSlow = false;
    const handler = {
      parseOrder: (value: unknown) => value,
      onOrder: async () => {
        if (isSlow) await eventually(() => guard.thrown === 1);
        return 'done';
      },
    };
    const server = new ControlServer(path, handler, guard);
    await server.tryListen();
    onTestFinished(() => server.close());
    const bystander = await ControlClient.connect(path);
    await bystander?.request({ command: 'ping' }, 5_000);
    isSlow = point === 'control keepalive';
    guard.arm(point);
    const victim = connect(path).on('error', () => undefined);
    victim.write('{"request":1,"order":{"command":"ping"}}\n');
    victim.resume();
    await new Promise((resolve) => victim.once('close', resolve));
    await eventually(() => guard.thrown === 1);
    expect(await bystander?.request({ command: 'ping' }, 5_000)).toBe('done');
    bystander?.close();
  },
);
