import { FlushScheduler } from '@gatewayworker/core';
import { packValue } from '@gatewayworker/protocol';
import { eventually, MemorySocket } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import type { ServerOptions } from 'ws';
import { LimitCounters } from '../clients/limit-counters.ts';
import type { ClientClosure } from './transport.ts';
import { createListeners } from './websocket-listeners.ts';
import { WebsocketSocket } from './websocket-socket.ts';

/** A websocket over a socket in memory. */
function openWebsocket(beforeStart: (client: WebsocketSocket) => void = () => undefined): {
  memory: MemorySocket;
  client: WebsocketSocket;
  scheduler: FlushScheduler;
  ends: ClientClosure[];
  messages: string[];
} {
  const memory = new MemorySocket();
  onTestFinished(() => void memory.destroy());
  const scheduler = new FlushScheduler();
  const ends: ClientClosure[] = [];
  const messages: string[] = [];
  const info = {
    remoteAddress: '::1',
    remotePort: 1,
    listenPort: 2,
    packedRequest: packValue({ url: '/', headers: {} }),
  };
  // No timer may close it during the test; `closeTimeout` is missing in the types of `ws`.
  const websocketOptions: ServerOptions = { autoPong: false, maxPayload: 100 };
  Object.assign(websocketOptions, { closeTimeout: 3_600_000 });
  const client = new WebsocketSocket(memory, info, {
    scheduler,
    listeners: createListeners(scheduler.guard),
    limits: new LimitCounters(),
    maxMessageBytes: 100,
    tooBigReason: 'a message is longer than 100 bytes',
    websocketOptions,
  });
  const handler = {
    onMessage: (source: Buffer, start: number, end: number) =>
      void messages.push(source.toString('utf8', start, end)),
    onClose: (closure: ClientClosure) => void ends.push(closure),
  };
  beforeStart(client);
  client.start(handler, Buffer.alloc(0));
  return { memory, client, scheduler, ends, messages };
}

/** A short masked frame with a mask of zeros. */
function maskedFrame(opcode: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0), payload]);
}

const TEXT = 1;
const PING = 9;
const PONG = 10;
const CLOSE = 8;

test('websocket: pongs stop at 64 KiB of pending output, until the client reads', async () => {
  const { memory } = openWebsocket();
  memory.isFull = true;
  const ping = maskedFrame(PING, Buffer.alloc(125, 1));
  for (let index = 0; index < 2000; index += 1) memory.receive(ping);
  await eventually(() => memory.readableLength === 0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(memory.writableLength).toBeGreaterThan(0);
  memory.accept();
  await eventually(() => memory.writableLength === 0);
  expect(memory.written.length).toBeGreaterThan(60_000);
  expect(memory.written.length).toBeLessThan(70_000);
  memory.written = Buffer.alloc(0);
  memory.receive(maskedFrame(PING, Buffer.from('now')));
  await eventually(() => memory.written.includes('now'));
  expect(memory.written).toEqual(Buffer.concat([Buffer.of(0x80 | PONG, 3), Buffer.from('now')]));
});

test('websocket: reads the close frame of a paused client', async () => {
  const { memory, client, ends } = openWebsocket();
  client.setPaused(true);
  client.close('server', 1000, 'bye');
  await eventually(() => memory.written.includes('bye'));
  memory.receive(maskedFrame(CLOSE, Buffer.of(0x03, 0xe8)));
  memory.push(null);
  await eventually(() => ends.length === 1);
  expect(ends).toEqual([{ by: 'server', code: 1000, reason: 'bye' }]);
});

test('websocket: handles what a paused client has sent before its connection ends', async () => {
  const { memory, client, ends, messages } = openWebsocket();
  client.setPaused(true);
  memory.receive(maskedFrame(TEXT, Buffer.from('one')));
  memory.receive(maskedFrame(TEXT, Buffer.from('two')));
  memory.destroy();
  await eventually(() => ends.length === 1);
  expect(messages).toEqual(['one', 'two']);
  expect(ends).toEqual([{ by: 'client', code: 1006, reason: '' }]);
});

test('websocket: a client that is closed before its start is closed once', async () => {
  const { memory, ends } = openWebsocket((opened) => opened.close('server', 1000, 'bye'));
  memory.receive(maskedFrame(CLOSE, Buffer.of(0x03, 0xe8)));
  memory.push(null);
  await eventually(() => ends.length === 1);
  expect(memory.written.subarray(-3).toString()).toBe('bye');
  expect(ends).toEqual([{ by: 'server', code: 1000, reason: 'bye' }]);
});

test('websocket: after its close frame, no frame of the client protocol follows', () => {
  const { memory, client } = openWebsocket();
  client.sendPrefixed(Buffer.of(0x85), Buffer.of(1), 0, 1);
  client.close('server', 4001, '');
  client.sendPrefixed(Buffer.of(0x85), Buffer.of(2), 0, 1);
  client.flush();
  const closeFrame = [0x88, 2, 0x0f, 0xa1];
  expect([...memory.written]).toEqual([0x82, 2, 0x85, 1, ...closeFrame]);
});
