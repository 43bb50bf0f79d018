import { FlushScheduler } from '@gatewayworker/core';
import { packValue } from '@gatewayworker/protocol';
import { MemorySocket } from '@gatewayworker/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ServerOptions } from 'ws';
import { LimitCounters } from '../clients/limit-counters.ts';
import { createWebSocket, setSocket } from './client-websocket.ts';
import { readWholeFrames } from './websocket-frame-reader.ts';
import { createListeners } from './websocket-listeners.ts';
import { WebsocketSocket } from './websocket-socket.ts';

const MAX_MESSAGE_BYTES = 300;

const options: ServerOptions = { autoPong: false, maxPayload: MAX_MESSAGE_BYTES };
Object.assign(options, { closeTimeout: 3_600_000 });

/** What a server made of the bytes of a client: messages and pings, then the close frame that it sent. */
interface Outcome {
  readonly events: string[];
  readonly closeFrame: string;
}

/** Reads the chunks with a websocket of `ws` alone. */
async function readByWs(chunks: readonly Buffer[]): Promise<Outcome> {
  const memory = new MemorySocket();
  const websocket = createWebSocket(options);
  const events: string[] = [];
  websocket.on('message', (data: Buffer, isBinary) => {
    events.push(`${isBinary ? 'binary' : 'text'} ${data.toString('hex')}`);
  });
  websocket.on('ping', (data) => void events.push(`ping ${data.toString('hex')}`));
  websocket.on('error', () => undefined);
  setSocket(websocket, memory, options);
  await receiveAll(memory, chunks);
  return { events, closeFrame: memory.written.toString('hex') };
}

/** Reads the chunks as a gateway does. */
async function readByGateway(chunks: readonly Buffer[]): Promise<Outcome> {
  const memory = new MemorySocket();
  const scheduler = new FlushScheduler();
  const listeners = createListeners(scheduler.guard);
  const events: string[] = [];
  const recordPing = (data: Buffer): void => void events.push(`ping ${data.toString('hex')}`);
  const info = { remoteAddress: '::1', remotePort: 1, listenPort: 2, packedRequest: packValue(0) };
  const client = new WebsocketSocket(memory, info, {
    scheduler,
    listeners: {
      ...listeners,
      ping: (_client, data) => recordPing(data),
      websocket: { ...listeners.websocket, ping: recordPing },
    },
    limits: new LimitCounters(),
    maxMessageBytes: MAX_MESSAGE_BYTES,
    tooBigReason: '',
    websocketOptions: options,
  });
  const onMessage = (source: Buffer, start: number, end: number, isBinary: boolean): void => {
    events.push(`${isBinary ? 'binary' : 'text'} ${source.toString('hex', start, end)}`);
  };
  client.start({ onMessage, onClose: () => undefined }, Buffer.alloc(0));
  await receiveAll(memory, chunks);
  return { events, closeFrame: memory.written.toString('hex') };
}

async function receiveAll(memory: MemorySocket, chunks: readonly Buffer[]): Promise<void> {
  // A copy of each chunk, because it is unmasked in place.
  for (const chunk of chunks) {
    memory.receive(Buffer.from(chunk));
    await new Promise((resolve) => setImmediate(resolve));
  }
  memory.destroy();
}

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 8 }).map((text) => new TextEncoder().encode(text)),
  fc.constantFrom(124, 125, 126, 127, 299, 300, 301).map((length) => new Uint8Array(length)),
);

/** A frame, valid most of the time. */
const frameBytes = fc
  .record({
    opcode: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(1, 2) },
      { weight: 3, arbitrary: fc.constantFrom(0, 9, 10) },
      { weight: 1, arbitrary: fc.constantFrom(3, 8, 11) },
    ),
    isFinal: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.boolean()),
    reserved: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 7 })),
    mask: fc.oneof(
      { weight: 9, arbitrary: fc.uint8Array({ minLength: 4, maxLength: 4 }) },
      { weight: 3, arbitrary: fc.constant(new Uint8Array(4)) },
      { weight: 1, arbitrary: fc.constant(undefined) },
    ),
    isLong: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.boolean()),
    payload,
  })
  .map(({ opcode, isFinal, reserved, mask, isLong, payload: bytes }) => {
    const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
    const flag = mask === undefined ? 0 : 0x80;
    const { length } = bytes;
    const header =
      length > 125 || isLong
        ? [first, flag | 126, length >> 8, length & 255]
        : [first, flag | length];
    const masked = bytes.map((byte, index) => byte ^ (mask?.[index % 4] ?? 0));
    return Buffer.from([...header, ...(mask ?? []), ...masked]);
  });

/** The bytes of a client, in chunks of any length. */
const chunks = fc
  .record({
    frames: fc.array(fc.oneof({ weight: 30, arbitrary: frameBytes }, noise()), { maxLength: 12 }),
    cuts: fc.array(fc.nat(2000), { maxLength: 6 }),
  })
  .map(({ frames, cuts }) => {
    const bytes = Buffer.concat(frames);
    const edges = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length];
    edges.sort((a, b) => a - b);
    return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
  });

function noise() {
  return fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes));
}

test('websocket: reads any bytes in any chunks as ws does', async () => {
  await fc.assert(
    fc.asyncProperty(chunks, async (given) => {
      expect(await readByGateway(given)).toEqual(await readByWs(given));
    }),
    { numRuns: 500 },
  );
});

/** Returns what `readWholeFrames` calls, and how many bytes it reads. */
function read(chunk: Buffer): { readonly calls: string[]; readonly length: number } {
  const calls: string[] = [];
  const length = readWholeFrames(chunk, MAX_MESSAGE_BYTES, {
    isReading: true,
    handleMessage: (source, start, end) => void calls.push(source.toString('utf8', start, end)),
    handlePing: (data) => void calls.push(`ping ${data}`),
  });
  return { calls, length };
}

/** Source: RFC 6455 5.7. */
const hello = Buffer.from('818537fa213d7f9f4d5158', 'hex');

test('frame reader: reads the masked text of RFC 6455', () => {
  expect(read(Buffer.from(hello))).toEqual({ calls: ['Hello'], length: hello.length });
});

test('frame reader: leaves an incomplete frame unchanged', () => {
  const chunk = Buffer.concat([hello, hello.subarray(0, 8)]);
  expect(read(chunk)).toEqual({ calls: ['Hello'], length: hello.length });
  expect(chunk.subarray(hello.length)).toEqual(hello.subarray(0, 8));
});

test('frame reader: leaves invalid UTF-8 unchanged, so that ws can refuse it', () => {
  const chunk = Buffer.from('8181010203046e', 'hex');
  chunk[6] = 0xff ^ 1;
  const before = Buffer.from(chunk);
  expect(read(chunk)).toEqual({ calls: [], length: 0 });
  expect(chunk).toEqual(before);
});

test('frame reader: stops when a message ends the reading', () => {
  const chunk = Buffer.concat([hello, hello]);
  const receiver = {
    isReading: true,
    handleMessage: () => {
      receiver.isReading = false;
    },
    handlePing: () => undefined,
  };
  expect(readWholeFrames(chunk, MAX_MESSAGE_BYTES, receiver)).toBe(hello.length);
});
