import { Guard } from '@gatewayworker/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { MembershipIndex } from '../subscriptions/membership-index.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { ClientSender } from './client-sender.ts';
import { ClientTable } from './client-table.ts';
import { LimitCounters } from './limit-counters.ts';

const transport = { frame: (payload: Buffer) => payload };

/** A sender, and a client with this many unsent bytes. */
function createSender(slowConsumer: 'close' | 'drop', pendingBytes: number) {
  const clients = new ClientTable();
  const limits = new LimitCounters();
  const tables = {
    clients,
    uids: new MembershipIndex<never>(),
    groups: new MembershipIndex<never>(),
  };
  const policy = { sendToClientBufferSize: 1024, slowConsumer };
  const sender = new ClientSender(policy, { transport, tables, limits, guard: new Guard() });
  const events: string[] = [];
  const client = clients.add({
    ...silentSocket,
    pendingBytes,
    sendFrame: (frame) => void events.push(`send ${frame.toString()}`),
    sendMessage: () => void events.push('send'),
    flush: () => void events.push('flush'),
    close: (by, code) => void events.push(`close ${by} ${code}`),
    destroy: (by) => void events.push(`destroy ${by}`),
  });
  return { sender, client, clients, events, limits };
}

test('client sender: closes a slow consumer, and destroys it a second later', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { sender, client, clients, events, limits } = createSender('close', 1024);
  sender.sendFrame(client, Buffer.from('x'));
  sender.sendFrame(client, Buffer.from('y'));
  expect(events).toEqual(['flush', 'close overflow 1013']);
  expect([sender.sent, sender.failed, limits.slowConsumer]).toEqual([0, 1, 1]);
  expect([clients.size, clients.onlineCount]).toEqual([1, 0]);
  vi.advanceTimersByTime(999);
  expect(events).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(events).toEqual(['flush', 'close overflow 1013', 'destroy overflow']);
});

test('client sender: policy drop skips messages to a slow consumer and keeps it', () => {
  const { sender, client, events, limits } = createSender('drop', 1024);
  sender.sendFrame(client, Buffer.from('x'));
  expect(events).toEqual(['flush']);
  expect([client.isClosing, sender.failed, limits.slowConsumer]).toEqual([false, 1, 1]);
});

test('client sender: sends nothing to a closing client, and closes it once', () => {
  const { sender, client, events } = createSender('close', 0);
  sender.sendFrame(client, Buffer.from('x'));
  sender.close(client, { by: 'server', code: 1000, reason: '' });
  sender.sendFrame(client, Buffer.from('y'));
  sender.sendMessage(client, Buffer.from('z'), 0, 1, false);
  sender.close(client, { by: 'server', code: 1000, reason: '' });
  expect(events).toEqual(['send x', 'close server 1000']);
  sender.destroy(client, 'server');
  expect(events.at(-1)).toBe('destroy server');
});
