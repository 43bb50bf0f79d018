import { expect, test } from 'vitest';
import { parseControlRequest, parseControlResponse } from './control-messages.ts';

test('reads a request', () => {
  const request = { request: 1, command: 'status' } as const;
  expect(parseControlRequest(JSON.stringify(request))).toEqual(request);
});

test('refuses a request that is not JSON, lacks a field or has an unknown command', () => {
  const lines = ['', 'stop', 'null', '{"command":"stop"}', '{"request":1,"command":"explode"}'];
  expect(lines.map(parseControlRequest).filter(Boolean)).toEqual([]);
});

test('reads an answer and an error', () => {
  const responses = [
    { request: 1, result: { pid: 7 } },
    { request: 2, error: { code: 'GW_ERR_INTERNAL', message: 'no' } },
  ];
  expect(responses.map((response) => parseControlResponse(JSON.stringify(response)))).toEqual(
    responses,
  );
});

test('refuses an error without a message', () => {
  expect(parseControlResponse('{"request":1,"error":{"code":"GW_ERR_INTERNAL"}}')).toBe(undefined);
});
