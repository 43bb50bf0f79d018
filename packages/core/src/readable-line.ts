/** Colours a part of a line. */
type Paint = (text: string) => string;

const levels: Readonly<Record<number, readonly [name: string, colour: number]>> = {
  10: ['trace', 90],
  20: ['debug', 90],
  30: [' info', 32],
  40: [' warn', 33],
  50: ['error', 31],
  60: ['fatal', 35],
};

const fieldsShownInFront = new Set(['level', 'time', 'pid', 'msg', 'role', 'name', 'id', 'err']);

/**
 * Formats a JSON line for a terminal. The result ends with a newline.
 *
 * @param colour - whether to use colours
 */
export function formatReadable(line: string, colour: boolean): string {
  const entry: unknown = JSON.parse(line);
  if (typeof entry !== 'object' || entry === null) return line;
  const fields = new Map<string, unknown>(Object.entries(entry));
  const paint = (code: number): Paint =>
    colour ? (text) => `\x1b[${code}m${text}\x1b[39m` : (text) => text;
  const [grey, cyan] = [paint(90), paint(36)];
  const [level, levelColour] = levels[Number(fields.get('level'))] ?? ['', 39];
  const id = fields.get('id');
  const source = [fields.get('name') ?? fields.get('role') ?? '', id === undefined ? '' : `#${id}`];
  const rest = [...fields]
    .filter(([key]) => !fieldsShownInFront.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .map(printable);
  const parts = [
    grey(String(fields.get('time')).slice(11, 23)),
    paint(levelColour)(level),
    cyan(printable(source.join(''))),
    printable(String(fields.get('msg') ?? '')),
    ...(rest.length === 0 ? [] : [grey(rest.join(' '))]),
  ];
  return `${parts.join(' ')}\n${formatStack(fields.get('err'))}`;
}

function formatStack(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('stack' in error)) return '';
  return `${printable(String(error.stack)).replace(/^/gm, '    ')}\n`;
}

/**
 * Escapes control characters as JSON does, except line feeds and tabs. Some lines contain data of clients, which must
 * not control the terminal.
 */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
