import fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageLimits, parseClientMessage } from './client-message.ts';

const parse = (message: unknown) => parseClientMessage(JSON.stringify(message));
const clientId = 'a'.repeat(20);

test('client message: the three types are parsed', () => {
  const enter = { type: 'enter', name: 'Ada', room: 'lobby' };
  expect(parse(enter)).toEqual({ valid: true, message: enter });
  const say = { type: 'say', text: 'Hello' };
  expect(parse(say)).toEqual({ valid: true, message: say });
  const whisper = { type: 'whisper', to: clientId, text: 'Only for you' };
  expect(parse(whisper)).toEqual({ valid: true, message: whisper });
});

test('client message: unknown fields are dropped', () => {
  const message = {
    type: 'say',
    text: 'Hello',
    from: 'another person',
    __proto__: { admin: true },
  };
  expect(parse(message)).toEqual({ valid: true, message: { type: 'say', text: 'Hello' } });
});

test('client message: a name and a room become one line of single spaces', () => {
  const message = { type: 'enter', name: '  Ada\n\u202eLovelace\u0000 ', room: '\tthe   lobby' };
  expect(parse(message)).toMatchObject({ message: { name: 'Ada Lovelace', room: 'the lobby' } });
});

test('client message: a name keeps its emoji sequences', () => {
  expect(parse({ type: 'enter', name: '👩‍🚀 Ada', room: 'x' })).toMatchObject({
    message: { name: '👩‍🚀 Ada' },
  });
});

test('client message: a text keeps line breaks and loses other control characters', () => {
  const message = { type: 'say', text: ' one\r\ntwo\rthree\u0007\n' };
  expect(parse(message)).toEqual({
    valid: true,
    message: { type: 'say', text: 'one\ntwo\nthree' },
  });
});

test.each([
  ['a binary message', Buffer.from('{}'), 'Only text'],
  ['invalid JSON', '{"type":', 'not a JSON object'],
  ['an array', '[]', 'not a JSON object'],
  ['null', 'null', 'not a JSON object'],
  ['an unknown type', '{"type":"shout"}', 'unknown'],
  ['a missing type', '{}', 'unknown'],
  ['a message longer than the limit', `"${'x'.repeat(messageLimits.json)}"`, 'too long'],
])('client message: %s is rejected', (_, data, problem) => {
  expect(parseClientMessage(data)).toEqual({
    valid: false,
    about: 'message',
    problem: expect.stringContaining(problem),
  });
});

test.each([
  [{ type: 'enter', room: 'lobby' }, 'choose a name'],
  [{ type: 'enter', name: ' \n ', room: 'lobby' }, 'choose a name'],
  [{ type: 'enter', name: 7, room: 'lobby' }, 'choose a name'],
  [{ type: 'enter', name: 'n'.repeat(33), room: 'lobby' }, 'name is too long: at most 32'],
  [{ type: 'enter', name: 'Ada' }, 'choose a room'],
  [{ type: 'enter', name: 'Ada', room: 'r'.repeat(33) }, 'room name is too long: at most 32'],
  [{ type: 'say' }, 'nothing to send'],
  [{ type: 'say', text: '   ' }, 'nothing to send'],
  [{ type: 'say', text: 'x'.repeat(2001) }, 'message is too long: at most 2000'],
  [{ type: 'whisper', to: clientId, text: '' }, 'nothing to send'],
  [{ type: 'whisper', text: 'hi' }, 'no such person'],
  [{ type: 'whisper', to: 'short', text: 'hi' }, 'no such person'],
  [{ type: 'whisper', to: { length: 20 }, text: 'hi' }, 'no such person'],
])('client message: %j is rejected with a text for the user', (message, problem) => {
  expect(parse(message)).toEqual({
    valid: false,
    about: message.type === 'enter' ? 'enter' : 'message',
    problem: expect.stringContaining(problem),
  });
});

test('client message: a name, a room and a text of exactly the limit are accepted', () => {
  const { name, room, text } = messageLimits;
  expect(parse({ type: 'enter', name: 'n'.repeat(name), room: 'r'.repeat(room) }).valid).toBe(true);
  // The longest encoding: six characters of JSON for each character of the text.
  const escaped = `{"type":"say","text":"${'\\u00e9'.repeat(text)}"}`;
  expect(parseClientMessage(escaped).valid).toBe(true);
});

test('client message: random input never throws and never exceeds the limits', () => {
  const kind = fc.constantFrom('enter', 'say', 'whisper', 'x');
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue(), fc.constant(clientId));
  const fields = fc.record({ type: kind, name: value, room: value, text: value, to: value });
  const data = fc.oneof(
    fc.anything(),
    fc.string(),
    fc.json(),
    fields.map((o) => JSON.stringify(o)),
  );
  fc.assert(
    fc.property(data, (input) => {
      const parsed = parseClientMessage(input);
      if (!parsed.valid) return parsed.problem !== '';
      const { message } = parsed;
      if (message.type !== 'enter') return message.text.length <= messageLimits.text;
      return message.name.length <= messageLimits.name && message.room.length <= messageLimits.room;
    }),
  );
});
