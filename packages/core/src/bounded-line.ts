/** Longest text of a field, of an error or of a message in a log line, in characters. */
export const MAX_TEXT_LENGTH = 4096;

/** Longest text of all fields of a line together, in characters, without the syntax of JSON. */
const MAX_FIELDS_LENGTH = 32_768;

/** Characters that an entry counts for in addition to its name and its text. */
const ENTRY_LENGTH = 8;

/** Name of the entry with the number of omitted entries of a list or an object. */
const rest = '…';

/** Characters that are left for the fields of a line. */
interface Room {
  left: number;
}

/**
 * Bounds the length of a log line, because a client or the application may put any text into it. A text that is too
 * long keeps its beginning and its end, so that the stack after a long error message stays. A line with too many
 * fields keeps the first ones. The line contains the numbers of omitted characters and fields.
 *
 * @param line - one line of JSON as pino writes it
 */
export function boundLine(line: string): string {
  // A short line has no long text, so it costs one comparison.
  if (line.length <= MAX_TEXT_LENGTH) return line;
  const { msg, ...fields }: Record<string, unknown> = JSON.parse(line);
  const bounded = boundValue(fields, { left: MAX_FIELDS_LENGTH });
  const text = { msg: boundValue(msg, { left: MAX_TEXT_LENGTH }) };
  return `${JSON.stringify(Object.assign({}, bounded, text))}\n`;
}

function boundValue(value: unknown, room: Room): unknown {
  if (typeof value === 'string') return boundText(value, room);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const kept: [string, unknown][] = [];
  for (const [name, inner] of entries) {
    room.left -= name.length + ENTRY_LENGTH;
    if (room.left < 0) break;
    kept.push([name, boundValue(inner, room)]);
  }
  const omitted = entries.length - kept.length;
  const note = `${omitted} more left out`;
  if (Array.isArray(value)) {
    const values = kept.map(([, inner]) => inner);
    return omitted === 0 ? values : [...values, `${rest} ${note}`];
  }
  if (omitted > 0) kept.push([rest, note]);
  return Object.fromEntries(kept);
}

function boundText(text: string, room: Room): string {
  const kept = Math.min(MAX_TEXT_LENGTH, Math.max(0, room.left));
  room.left -= Math.min(text.length, kept);
  if (text.length <= kept) return text;
  const half = Math.floor(kept / 2);
  const omitted = text.length - 2 * half;
  const end = half === 0 ? '' : text.slice(-half);
  return `${text.slice(0, half)}… ${omitted} characters left out …${end}`;
}
