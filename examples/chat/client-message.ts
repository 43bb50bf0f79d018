/** Longest fields, in UTF-16 code units, as `maxlength` of an input counts. */
export const messageLimits = {
  name: 32,
  room: 32,
  text: 2000,
  /** A whole message. JSON may use six characters (`\u00e9`) for one of the text. */
  json: 16_384,
} as const;

/** A message from a page. */
export type ClientMessage =
  | { readonly type: 'enter'; readonly name: string; readonly room: string }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'whisper'; readonly to: string; readonly text: string };

/** What an error is about: entering a room, or any other message. */
export type About = 'enter' | 'message';

/** A valid message, or the problem as a text for the user who sent it. */
export type ParsedClientMessage =
  | { readonly valid: true; readonly message: ClientMessage }
  | { readonly valid: false; readonly about: About; readonly problem: string };

/** Validates a message from a page. Does not throw, whatever the input. */
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
  // A client id has 20 characters. Its content is internal to the framework.
  if (typeof to !== 'string' || to.length !== 20) return refuse('There is no such person.');
  return { valid: true, message: { type: 'whisper', to, text: said.message.text } };
}

/** Parses a JSON object; returns null for any other text. */
function parseObject(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : null;
  } catch {
    // Not an error here: the caller reports it to the sender.
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Control characters, line and paragraph separators, and bidirectional controls. */
const unfitForLabel = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Normalizes whitespace to single spaces and trims; returns '' for a value that is not a string. */
function toLabel(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value.replace(unfitForLabel, ' ').replace(/\s+/gu, ' ').trim();
}

/** Control characters except tab and line feed. */
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
