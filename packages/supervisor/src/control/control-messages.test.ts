import { expect, test } from 'vitest';
import {
  parseControlOrder,
  parseControlRequest,
  parseControlResponse,
} from './control-messages.ts';

test.each([
  { command: 'status' },
  { command: 'health' },
  { command: 'stop', isGraceful: true },
  { command: 'drain', drainMs: 30_000 },
  { command: 'drain', drainMs: 0, gateway: 'chat#1' },
  { command: 'undrain' },
  { command: 'undrain', gateway: 'chat#1' },
])('control messages: parses a request to $command', (order) => {
  const request = { request: 1, order };
  expect(parseControlRequest(JSON.stringify(request))).toEqual(request);
  expect(parseControlOrder(order)).toEqual(order);
});

test('control messages: rejects a request that is not JSON or lacks a field', () => {
  const lines = ['', 'stop', 'null', '{"order":{"command":"stop"}}', '{"request":1}'];
  expect(lines.map(parseControlRequest).filter(Boolean)).toEqual([]);
});

test('control messages: rejects an order that is unknown or lacks a field', () => {
  const orders = [
    { command: 'explode' },
    { command: 'drain' },
    { command: 'drain', drainMs: -1 },
    { command: 'drain', drainMs: 1e300 },
  ];
  expect(orders.map(parseControlOrder).filter(Boolean)).toEqual([]);
});

test('control messages: parses an answer, a part, a keepalive and an error', () => {
  const responses = [
    { request: 1, result: { pid: 7 } },
    { request: 1, part: { step: 'replaced' } },
    { request: 1, isPending: true },
    { request: 2, error: { code: 'GW_ERR_INTERNAL', message: 'no' } },
  ];
  expect(responses.map((response) => parseControlResponse(JSON.stringify(response)))).toEqual(
    responses,
  );
});

test('control messages: rejects an error without a message', () => {
  expect(parseControlResponse('{"request":1,"error":{"code":"GW_ERR_INTERNAL"}}')).toBe(undefined);
});
