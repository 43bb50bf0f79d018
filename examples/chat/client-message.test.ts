import fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageLimits, parseClientMessage } from './client-message.ts';

const parse = (message: unknown) => parseClientMessage(JSON.stringify(message));
const someone = 'a'.repeat(20);

test('reads the three kinds of message', () => {
  const enter = { type: 'enter', name: 'Ada', room: 'lobby' };
  expect(parse(enter)).toEqual({ valid: true, message: enter });
  const say = { type: 'say', text: 'Hello' };
  expect(parse(say)).toEqual({ valid: true, message: say });
  const whisper = { type: 'whisper', to: someone, text: 'Only for you' };
  expect(parse(whisper)).toEqual({ valid: true, message: whisper });
});

test('hands on nothing but the fields it knows', () => {
  const message = { type: 'say', text: 'Hello', from: 'somebody else', __proto__: { admin: true } };
  expect(parse(message)).toEqual({ valid: true, message: { type: 'say', text: 'Hello' } });
});

test('makes one tidy line of a name and a room', () => {
  const message = { type: 'enter', name: '  Ada\n\u202eLovelace\u0000 ', room: '\tthe   lobby' };
  expect(parse(message)).toMatchObject({ message: { name: 'Ada Lovelace', room: 'the lobby' } });
});

test('keeps the emoji of a name whole', () => {
  expect(parse({ type: 'enter', name: '👩‍🚀 Ada', room: 'x' })).toMatchObject({
    message: { name: '👩‍🚀 Ada' },
  });
});

test('keeps the line breaks of a message and drops other controls', () => {
  const message = { type: 'say', text: ' one\r\ntwo\rthree\u0007\n' };
  expect(parse(message)).toEqual({
    valid: true,
    message: { type: 'say', text: 'one\ntwo\nthree' },
  });
});

test.each([
  ['a binary message', Buffer.from('{}'), 'Only text'],
  ['no JSON', '{"type":', 'not a JSON object'],
  ['an array', '[]', 'not a JSON object'],
  ['null', 'null', 'not a JSON object'],
  ['an unknown type', '{"type":"shout"}', 'unknown'],
  ['no type', '{}', 'unknown'],
  ['more characters than any message needs', `"${'x'.repeat(messageLimits.json)}"`, 'too long'],
])('refuses %s', (_, data, problem) => {
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
  [{ type: 'whisper', to: someone, text: '' }, 'nothing to send'],
  [{ type: 'whisper', text: 'hi' }, 'no such person'],
  [{ type: 'whisper', to: 'short', text: 'hi' }, 'no such person'],
  [{ type: 'whisper', to: { length: 20 }, text: 'hi' }, 'no such person'],
])('answers %j in words', (message, problem) => {
  expect(parse(message)).toEqual({
    valid: false,
    about: message.type === 'enter' ? 'enter' : 'message',
    problem: expect.stringContaining(problem),
  });
});

test('accepts a name, a room and a text of exactly the limit', () => {
  const { name, room, text } = messageLimits;
  expect(parse({ type: 'enter', name: 'n'.repeat(name), room: 'r'.repeat(room) }).valid).toBe(true);
  // Six characters of JSON for each one of the text: the longest way to write it.
  const escaped = `{"type":"say","text":"${'\\u00e9'.repeat(text)}"}`;
  expect(parseClientMessage(escaped).valid).toBe(true);
});

test('never throws and never lets more through than the limits', () => {
  const kind = fc.constantFrom('enter', 'say', 'whisper', 'x');
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue(), fc.constant(someone));
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
