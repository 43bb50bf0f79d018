import { createLogger, FlushScheduler, Guard } from '@gatewayworker/core';
import { eventually, MemorySocket } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { LimitCounters } from '../clients/limit-counters.ts';
import { AcceptedSocket } from './accepted-socket.ts';
import { ConnectionsPerAddress } from './connections-per-address.ts';
import { ProtocolFailures } from './protocol-failures.ts';
import { type StreamProtocol, streamProtocols } from './stream-protocol.ts';
import { StreamSocket } from './stream-socket.ts';

function createSocket(): { memory: MemorySocket; client: StreamSocket } {
  const memory = new MemorySocket();
  const limits = new LimitCounters();
  const logger = createLogger({ stdout: false });
  const accepted = new AcceptedSocket(memory, '::1', {
    guard: new Guard(),
    handshakeTimeoutMs: 1000,
    limits,
    perAddress: new ConnectionsPerAddress(0),
    refused: new ConnectionsPerAddress(0),
    inHandshake: new Set(),
  });
  accepted.settle();
  const client = new StreamSocket(accepted, {
    listenPort: 1,
    protocol: streamProtocols.get('text') as StreamProtocol,
    maxMessageBytes: 100,
    scheduler: new FlushScheduler(),
    failures: new ProtocolFailures({ limits, logger }),
    limits,
    logger,
  });
  return { memory, client };
}

test('stream socket: stays paused when a buffered message pauses it again', async () => {
  const { memory, client } = createSocket();
  const messages: string[] = [];
  client.start({
    onMessage: (source, start, end) => {
      messages.push(source.toString('utf8', start, end));
      client.setPaused(true);
    },
    onClose: () => undefined,
  });
  memory.receive('one\ntwo\nthree\n');
  await eventually(() => messages.length === 1);
  client.setPaused(false);
  expect(messages).toEqual(['one', 'two']);
  expect(memory.isPaused()).toBe(true);
  client.setPaused(false);
  expect(memory.isPaused()).toBe(true);
  // After the last buffered message it stays resumed.
  client.setPaused(false);
  expect(messages).toEqual(['one', 'two', 'three']);
  expect(memory.isPaused()).toBe(false);
  memory.destroy();
});
