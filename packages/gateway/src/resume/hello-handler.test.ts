import {
  type ClientFrame,
  decodeGatewayFrame,
  encodeClientFrame,
  type HelloFrame,
} from '@gatewayworker/client-protocol';
import { Guard } from '@gatewayworker/core';
import { fromHex, malformedClientFrames } from '@gatewayworker/testing';
import { beforeEach, expect, test, vi } from 'vitest';
import { LimitCounters } from '../clients/limit-counters.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import type { PrefixedSocket } from '../transports/websocket-socket.ts';
import { HelloHandler } from './hello-handler.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  return () => vi.useRealTimers();
});

/** A connection that records what is done with it, and its handler. */
function start() {
  const log: unknown[] = [];
  const limits = new LimitCounters();
  const connection: PrefixedSocket = {
    ...silentSocket,
    sendPrefixed: (header) => void log.push(decodeGatewayFrame(Uint8Array.from(header))),
    close: (...args) => void log.push(['close', ...args]),
    destroy: (by) => void log.push(['destroy', by]),
  };
  const hellos: HelloFrame[] = [];
  const handler = new HelloHandler(connection, {
    guard: new Guard(),
    limits,
    handshakeTimeoutMs: 1000,
    onHello: (hello) => void hellos.push(hello),
    onDone: () => void log.push('done'),
  });
  const receive = (bytes: Uint8Array, isBinary = true): void => {
    const buffer = Buffer.from(bytes);
    handler.onMessage(buffer, 0, buffer.length, isBinary);
    // The connection reuses its buffer.
    buffer.fill(0xff);
  };
  const send = (frame: ClientFrame): void => receive(encodeClientFrame(frame));
  return { handler, log, limits, hellos, receive, send };
}

test('hello handler: a Hello is passed on, and ends the wait', () => {
  const { send, hellos, log } = start();
  const resume = {
    clientId: 'AAAAABBBBBCCCCCDDDDD',
    secret: Uint8Array.of(1, 2),
    positions: new Map([[7, 300]]),
  };
  send({ op: 'hello', token: 't', resume });
  expect(hellos).toMatchObject([
    { op: 'hello', token: 't', resume: { clientId: resume.clientId } },
  ]);
  // A copy, because the buffer is reused.
  expect([...(hellos[0]?.resume?.secret ?? [])]).toEqual([1, 2]);
  expect([vi.getTimerCount(), log]).toEqual([0, []]);
});

test('hello handler: no Hello in time closes with 4408', () => {
  const { log, limits } = start();
  vi.advanceTimersByTime(999);
  expect(log).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(log).toEqual([['close', 'server', 4408, 'no Hello']]);
  expect(limits.handshakeTimeout).toBe(1);
});

test('hello handler: a text frame closes with 1002', () => {
  const { receive, log, hellos } = start();
  receive(encodeClientFrame({ op: 'hello' }), false);
  expect(log).toEqual([['close', 'protocol', 1002, 'a frame is text']]);
  expect(hellos).toEqual([]);
});

test('hello handler: a second Hello closes with 1002', () => {
  const { send, log, hellos } = start();
  send({ op: 'hello' });
  send({ op: 'hello' });
  expect(hellos).toHaveLength(1);
  expect(log).toEqual([['close', 'protocol', 1002, 'a frame before the Welcome']]);
});

test.each<ClientFrame>([
  { op: 'send', number: 1, isBinary: true, payload: Uint8Array.of(1) },
  { op: 'request', number: 1, isBinary: true, type: 't', payload: Uint8Array.of(1) },
  { op: 'cancel', number: 1 },
  { op: 'pong' },
  { op: 'bye' },
  { op: 'received', receipt: 1, state: 'received', value: '' },
])('hello handler: a $op as the first frame closes with 1002', (first) => {
  const { send, log } = start();
  send(first);
  expect(log).toEqual([['close', 'protocol', 1002, 'the first frame is no Hello']]);
});

test.each(malformedClientFrames)('hello handler: %s closes with 1002', (_, hex) => {
  const { receive, log, hellos } = start();
  receive(fromHex(hex));
  expect(log).toEqual([['close', 'protocol', 1002, expect.stringMatching(/./)]]);
  expect(hellos).toEqual([]);
});

test('hello handler: the end of the connection ends the wait', () => {
  const { handler, log } = start();
  expect(handler.isClosed).toBe(false);
  handler.onClose({ by: 'client', code: 1006, reason: '' });
  expect([handler.isClosed, log, vi.getTimerCount()]).toEqual([true, ['done'], 0]);
});

test('hello handler: a refused client gets status and reason, and 4501', () => {
  const { handler, log } = start();
  handler.refuse({ isAccepted: false, status: 401, reason: 'no token' });
  expect(log).toEqual([
    { op: 'refused', status: 401, reason: 'no token' },
    ['close', 'server', 4501, ''],
  ]);
});

test('hello handler: a client that is sent away resumes at another process', () => {
  const { handler, log } = start();
  handler.sendAway();
  expect([handler.isClosed, log]).toEqual([true, [['close', 'server', 1012, '']]]);
});
