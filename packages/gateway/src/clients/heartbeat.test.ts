import { Guard } from '@gatewayworker/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { MembershipIndex } from '../subscriptions/membership-index.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import type { ClientConnection } from './client-connection.ts';
import { ClientSender } from './client-sender.ts';
import { ClientTable } from './client-table.ts';
import { Heartbeat } from './heartbeat.ts';
import { LimitCounters } from './limit-counters.ts';
import { PauseReason } from './pause-reason.ts';

/** 10 ms for each part of the table. */
const INTERVAL_MS = 640;

const transport = { frame: (payload: Buffer) => payload };

/** A heartbeat that expires clients after two intervals, and clients whose pings and ends are recorded. */
function startHeartbeat() {
  vi.useFakeTimers();
  const clients = new ClientTable();
  const limits = new LimitCounters();
  const tables = {
    clients,
    uids: new MembershipIndex<never>(),
    groups: new MembershipIndex<never>(),
  };
  const policy = { sendToClientBufferSize: 1024, slowConsumer: 'close' } as const;
  const guard = new Guard();
  const sender = new ClientSender(policy, { transport, tables, limits, guard });
  const options = { pingInterval: INTERVAL_MS / 1000, pingNotResponseLimit: 2, pingData: '' };
  const heartbeat = new Heartbeat(options, { clients, sender, limits, guard });
  onTestFinished(() => {
    heartbeat.stop();
    vi.useRealTimers();
  });
  const events: string[] = [];
  const add = (name: string): ClientConnection =>
    clients.add({
      ...silentSocket,
      ping: () => void events.push(`ping ${name}`),
      destroy: (by) => void events.push(`${by} ${name}`),
    });
  return { add, events, limits };
}

test('heartbeat: expires a silent client after the limit plus one interval', () => {
  const { add, events, limits } = startHeartbeat();
  add('a');
  vi.advanceTimersByTime(INTERVAL_MS);
  expect(events).toEqual(['ping a']);
  vi.advanceTimersByTime(2 * INTERVAL_MS);
  expect(events).toEqual(['ping a', 'ping a', 'heartbeat a']);
  vi.advanceTimersByTime(5 * INTERVAL_MS);
  expect(events).toHaveLength(3);
  expect(limits.heartbeat).toBe(1);
});

test('heartbeat: spreads the pings over the interval', () => {
  const { add, events } = startHeartbeat();
  for (let index = 0; index < 128; index += 1) add(`${index}`);
  const pinged: number[] = [];
  for (let part = 0; part < 64; part += 1) {
    vi.advanceTimersByTime(INTERVAL_MS / 64);
    pinged.push(events.length);
  }
  expect(pinged).toEqual(Array.from({ length: 64 }, (_, part) => 2 * (part + 1)));
  expect(new Set(events).size).toBe(128);
});

test('heartbeat: neither pings nor expires a paused client', () => {
  const { add, events } = startHeartbeat();
  const client = add('a');
  vi.advanceTimersByTime(INTERVAL_MS);
  client.pause(PauseReason.EventsInFlight);
  vi.advanceTimersByTime(60 * INTERVAL_MS);
  expect(events).toEqual(['ping a']);
  client.resume(PauseReason.EventsInFlight);
  vi.advanceTimersByTime(INTERVAL_MS);
  // Its time starts again.
  expect(events).toEqual(['ping a', 'ping a']);
});
