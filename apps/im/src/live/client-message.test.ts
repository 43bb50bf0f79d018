import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AppError } from '../app-error.ts';
import { parseClientMessage } from './client-message.ts';

const send = {
  ...{ type: 'send', clientId: 'c-1', conversationId: '42' },
  content: { kind: 'text', text: 'Hello' },
};

test('client message: every type of the protocol is parsed', () => {
  for (const message of [
    send,
    { ...send, content: { kind: 'picture', picture: 'a'.repeat(64), text: '' } },
    { type: 'delivered', conversationId: '42', seq: 7 },
    { type: 'read', conversationId: '42', seq: 7 },
    { type: 'typing', conversationId: '42' },
    { type: 'sync' },
    { type: 'ping' },
  ]) {
    expect(parseClientMessage(JSON.stringify(message))).toMatchObject({
      about: message.type,
      message,
    });
  }
});

test('client message: an invalid send with a usable client id is refusable', () => {
  const parsed = parseClientMessage(JSON.stringify({ ...send, content: { kind: 'song' } }));
  expect(parsed).toMatchObject({
    message: { code: 'invalid' },
    refusable: { clientId: 'c-1', conversationId: '42' },
  });
  const nameless = parseClientMessage(JSON.stringify({ ...send, clientId: '' }));
  expect(nameless).toMatchObject({
    about: 'send',
    message: { code: 'invalid' },
    refusable: undefined,
  });
});

test.each([
  ['{"type":"read","conversationId":"42","seq":0}', 'seq'],
  ['{"type":"read","conversationId":"42","seq":1.5}', 'seq'],
  ['{"type":"read","conversationId":"42","seq":"1"}', 'seq'],
  ['{"type":"read","conversationId":42,"seq":1}', 'conversationId'],
  ['{"type":"typing","conversationId":"42","userId":"7"}', 'userId'],
  ['{"type":"dance"}', 'unknown'],
  ['{"type":""}', 'unknown'],
  ['{"text":"x"}', 'type'],
  ['[]', 'JSON object'],
  ['', 'JSON object'],
])('client message: %s is invalid', (text, word) => {
  const { message } = parseClientMessage(text);
  expect(message).toBeInstanceOf(AppError);
  expect(message).toMatchObject({ code: 'invalid', message: expect.stringContaining(word) });
});

test('client message: random input never throws', () => {
  const types = fc.constantFrom('send', 'delivered', 'read', 'typing', 'sync', 'ping', 'x');
  const fields = fc.record(
    {
      ...{ type: fc.oneof(types, fc.anything()), clientId: fc.anything(), seq: fc.anything() },
      ...{ conversationId: fc.anything(), content: fc.anything() },
    },
    { requiredKeys: [] },
  );
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    fields.map((value) => JSON.stringify(value)),
  );
  fc.assert(fc.property(fc.oneof(texts, fc.uint8Array()), (data) => void parseClientMessage(data)));
});
