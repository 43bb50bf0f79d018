/** What a page may send, in UTF-16 code units, which is also how `maxlength` of an input counts. */
export const messageLimits = {
  name: 32,
  room: 32,
  text: 2000,
  /** One whole message; JSON may spend six characters on one of the text. */
  json: 16_384,
} as const;

/** What a page asks for. */
export type ClientMessage =
  | { readonly type: 'enter'; readonly name: string; readonly room: string }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'whisper'; readonly to: string; readonly text: string };

/** What a refusal is about: entering a room, or anything else. */
export type About = 'enter' | 'message';

/** A message that can be acted on, or what is wrong with it, in words for the person who sent it. */
export type ParsedClientMessage =
  | { readonly valid: true; readonly message: ClientMessage }
  | { readonly valid: false; readonly about: About; readonly problem: string };

/** Reads what a page sent; nothing about it is believed, and no input makes this throw. */
export function parseClientMessage(data: unknown): ParsedClientMessage {
  if (typeof data !== 'string') return refuse('Only text messages are understood.');
  if (data.length > messageLimits.json) return refuse('That message is too long.');
  const fields = parseObject(data);
  if (fields === null) return refuse('That message is not a JSON object.');
  switch (fields['type']) {
    case 'enter':
      return parseEnter(fields);
    case 'say':
      return parseSay(fields);
    case 'whisper':
      return parseWhisper(fields);
    default:
      return refuse('That kind of message is unknown.');
  }
}

function parseEnter(fields: Readonly<Record<string, unknown>>): ParsedClientMessage {
  const name = toLabel(fields['name']);
  if (name === '') return refuse('Please choose a name.', 'enter');
  if (name.length > messageLimits.name) return tooLong('name', messageLimits.name, 'enter');
  const room = toLabel(fields['room']);
  if (room === '') return refuse('Please choose a room.', 'enter');
  if (room.length > messageLimits.room) return tooLong('room name', messageLimits.room, 'enter');
  return { valid: true, message: { type: 'enter', name, room } };
}

function parseSay(fields: Readonly<Record<string, unknown>>): ParsedClientMessage {
  const text = toText(fields['text']);
  if (text === '') return refuse('There is nothing to send.');
  if (text.length > messageLimits.text) return tooLong('message', messageLimits.text);
  return { valid: true, message: { type: 'say', text } };
}

function parseWhisper(fields: Readonly<Record<string, unknown>>): ParsedClientMessage {
  const said = parseSay(fields);
  if (!said.valid || said.message.type !== 'say') return said;
  const { to } = fields;
  // A client id is 20 characters; whatever else it is made of is the framework's own business.
  if (typeof to !== 'string' || to.length !== 20) return refuse('There is no such person.');
  return { valid: true, message: { type: 'whisper', to, text: said.message.text } };
}

/** The object in a JSON text; null when it is something else. */
function parseObject(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : null;
  } catch {
    // Whatever is not JSON is an answer too: the caller tells the sender.
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Controls, line and paragraph separators, and what turns the writing direction of the text around it. */
const unfitForLabel = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** One line without leading, trailing or doubled blanks; empty for anything that is not a string. */
function toLabel(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value.replace(unfitForLabel, ' ').replace(/\s+/gu, ' ').trim();
}

/** Controls other than tab and line feed. */
const unfitForText = /(?![\t\n])\p{Cc}/gu;

function toText(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value.replace(/\r\n?/gu, '\n').replace(unfitForText, '').trim();
}

function tooLong(what: string, limit: number, about: About = 'message'): ParsedClientMessage {
  return refuse(`That ${what} is too long: at most ${limit} characters.`, about);
}

function refuse(problem: string, about: About = 'message'): ParsedClientMessage {
  return { valid: false, about, problem };
}
