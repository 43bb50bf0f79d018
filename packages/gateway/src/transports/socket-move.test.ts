import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { DescriptorReserve, FlushScheduler } from '@gatewayworker/core';
import { captureLogger, eventually, openClient } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { LimitCounters } from '../clients/limit-counters.ts';
import { resolveGatewayOptions } from '../options.ts';
import { createTransport } from './create-transport.ts';
import type { ClientSocket, ClientSocketHandler, Transport } from './transport.ts';

/** A handler that records messages as text. */
class Recorder implements ClientSocketHandler {
  readonly messages: string[] = [];
  ends = 0;

  onMessage(source: Buffer, start: number, end: number): void {
    this.messages.push(source.toString('utf8', start, end));
  }

  onClose(): void {
    this.ends += 1;
  }
}

function makeTransport(scheme: string): Transport {
  const { logger } = captureLogger();
  const options = resolveGatewayOptions({
    name: 'gate',
    listen: `${scheme}://127.0.0.1:0`,
    registerAddress: '127.0.0.1:1',
    perMessageDeflate: scheme === 'websocket',
  });
  const transport = createTransport(options, {
    scheduler: new FlushScheduler(),
    limits: new LimitCounters(),
    descriptors: new DescriptorReserve(logger),
    logger,
    openSocket: undefined,
  });
  onTestFinished(() => transport.stopAccepting());
  return transport;
}

/** Two transports in one process: the first listens, the second adopts the released sockets of the first. */
async function startPair(scheme: string) {
  const [before, after] = [new Recorder(), new Recorder()];
  const [from, to] = [makeTransport(scheme), makeTransport(scheme)];
  const sockets: ClientSocket[] = [];
  await from.listen({
    admit: (_candidate, decide) =>
      decide({
        isAccepted: true,
        isIdentified: false,
        uid: undefined,
        onClient: (socket) => {
          sockets.push(socket);
          return before;
        },
      }),
    openResumable: () => before,
  });
  const move = (): ClientSocket | string => {
    const [socket] = sockets;
    const released = socket?.release() ?? 'later';
    if (socket === undefined || typeof released === 'string') return String(released);
    const { remoteAddress, remotePort, listenPort, packedRequest } = socket;
    const info = { remoteAddress, remotePort, listenPort, packedRequest };
    const adopted = to.adopt({ ...info, ...released }, after);
    adopted.setPaused(false);
    return adopted;
  };
  return { port: from.port, before, after, sockets, move };
}

function moved(socket: ClientSocket | string): ClientSocket {
  if (typeof socket === 'string') throw new Error(`not moved: ${socket}`);
  return socket;
}

async function connectTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** A masked frame with a mask of zeros. */
function maskedFrame(first: number, text: string): Buffer {
  const header = Buffer.of(first, 0x80 | text.length, 0, 0, 0, 0);
  return Buffer.concat([header, Buffer.from(text)]);
}

/** A websocket connection for raw frames. */
async function upgrade(port: number): Promise<Socket> {
  const socket = await connectTo(port);
  socket.write(
    'GET /path HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await once(socket, 'data');
  return socket;
}

test('moved websocket: both directions continue with the new handler', async () => {
  const { port, before, after, sockets, move } = await startPair('websocket');
  const client = await openClient(port, '/', { perMessageDeflate: false });
  onTestFinished(() => client.terminate());
  client.send('one');
  await eventually(() => before.messages.length === 1);
  const bytesRead = sockets[0]?.bytesRead ?? 0;
  const adopted = moved(move());
  // Within one process the handle keeps its own count, so the bytes are counted twice.
  expect(adopted.bytesRead).toBe(2 * bytesRead);
  expect(adopted.request?.url).toBe('/');
  client.send('two');
  await eventually(() => after.messages.length === 1);
  adopted.sendMessage(Buffer.from('answer'), 0, 6, false);
  await eventually(() => client.messages.includes('answer'));
  await client.close();
  await eventually(() => after.ends === 1);
  expect([before.messages, before.ends, after.messages]).toEqual([['one'], 0, ['two']]);
});

test('moved websocket: fragments and a partial header are completed', async () => {
  const { port, before, after, move } = await startPair('websocket');
  const socket = await upgrade(port);
  socket.write(maskedFrame(0x81, 'whole'));
  socket.write(maskedFrame(0x01, 'frag'));
  // The first byte of the last fragment.
  socket.write(Buffer.of(0x80));
  await eventually(() => before.messages.length === 1);
  await eventually(() => typeof move() !== 'string');
  socket.write(maskedFrame(0x80, 'ment').subarray(1));
  socket.write(maskedFrame(0x81, 'last'));
  await eventually(() => after.messages.length === 2);
  expect(after.messages).toEqual(['fragment', 'last']);
});

test('moved websocket: is not released within a frame', async () => {
  const { port, before, after, sockets, move } = await startPair('websocket');
  const socket = await upgrade(port);
  const frame = maskedFrame(0x81, 'a message');
  await eventually(() => sockets.length === 1);
  const { bytesRead = 0 } = sockets[0] ?? {};
  socket.write(frame.subarray(0, 8));
  await eventually(() => sockets[0]?.bytesRead === bytesRead + 8);
  expect(move()).toBe('later');
  socket.write(frame.subarray(8));
  await eventually(() => before.messages.length === 1);
  moved(move());
  socket.write(maskedFrame(0x81, 'next'));
  await eventually(() => after.messages.length === 1);
  expect([before.messages, after.messages]).toEqual([['a message'], ['next']]);
});

test('moved websocket: unread messages of a paused client are not lost', async () => {
  const { port, before, after, sockets, move } = await startPair('websocket');
  const socket = await upgrade(port);
  await eventually(() => sockets.length === 1);
  sockets[0]?.setPaused(true);
  for (let index = 0; index < 100; index += 1) socket.write(maskedFrame(0x81, `message ${index}`));
  const later = await upgrade(port);
  later.destroy();
  moved(move());
  await eventually(() => after.messages.length === 100);
  expect(before.messages).toEqual([]);
  expect(after.messages).toEqual(Array.from({ length: 100 }, (_, index) => `message ${index}`));
});

test('moved websocket: with compression is never released', async () => {
  const { port, sockets } = await startPair('websocket');
  const client = await openClient(port, '/', { perMessageDeflate: true });
  onTestFinished(() => client.terminate());
  await eventually(() => sockets.length === 1);
  expect(sockets[0]?.release()).toBe('never');
});

test('moved websocket: is not released while closing', async () => {
  const { port, sockets } = await startPair('websocket');
  const client = await openClient(port, '/', { perMessageDeflate: false });
  onTestFinished(() => client.terminate());
  await eventually(() => sockets.length === 1);
  sockets[0]?.close('server', 1000, 'bye');
  expect(sockets[0]?.release()).toBe('later');
});

test('moved text client: an incomplete line is completed', async () => {
  const { port, before, after, sockets, move } = await startPair('text');
  const socket = await connectTo(port);
  socket.write('one\ntw');
  await eventually(() => before.messages.length === 1);
  const adopted = moved(move());
  socket.write('o\nthree\n');
  await eventually(() => after.messages.length === 2);
  adopted.sendMessage(Buffer.from('answer'), 0, 6, false);
  const [answer] = await once(socket, 'data');
  expect(answer.toString()).toBe('answer\n');
  expect([before.messages, before.ends, after.messages]).toEqual([['one'], 0, ['two', 'three']]);
  expect(sockets).toHaveLength(1);
  socket.end();
  await eventually(() => after.ends === 1);
});

test('moved text client: is not released while output is pending', async () => {
  const { port, sockets, move, after } = await startPair('text');
  const socket = await connectTo(port);
  await eventually(() => sockets.length === 1);
  socket.pause();
  const line = Buffer.alloc(1_000_000, 'x');
  for (let index = 0; index < 16; index += 1) sockets[0]?.sendMessage(line, 0, line.length, false);
  expect(move()).toBe('later');
  let received = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
  });
  socket.resume();
  await eventually(() => typeof move() !== 'string');
  await eventually(() => received === 16_000_016);
  socket.write('still here\n');
  await eventually(() => after.messages.length === 1);
});
