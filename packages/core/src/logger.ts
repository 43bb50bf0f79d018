import { type DestinationStream, multistream, type Logger as PinoLogger, pino } from 'pino';

/** The logger of a process; child loggers carry bound fields such as `role` and `clientId`. */
export type Logger = PinoLogger;

/** Where and how a process logs. */
export interface LoggerOptions {
  /** Bound to every line, such as `{ role, name, id }`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** One of pino's levels. @default 'info' */
  readonly level?: string;
  /** Absolute path of a file that gets JSON lines. @default no file */
  readonly file?: string;
  /** Also log to the standard output: JSON lines, or readable lines when it is a terminal. @default true */
  readonly stdout?: boolean;
}

/** Names of what is not to be logged. */
const secretFields = ['secretKey', 'password', 'passphrase', 'tls.key', 'innerTls.key'];

/** Where they may stand: at the top of what is logged, or up to four objects or lists deep. */
const secretPaths = ['', '*.', '*.*.', '*.*.*.', '*.*.*.*.'].flatMap((owner) =>
  secretFields.map((field) => `${owner}${field}`),
);

/** The logger of a process, whose file can be moved away while it writes. */
export interface ProcessLog {
  readonly logger: Logger;
  /**
   * Opens the file by its name again, which makes it anew after it was moved away.
   *
   * @throws when it cannot be opened; the old one stays in use
   */
  reopen(): void;
  /** Writes to the file alone from now on. */
  leaveStdout(): void;
}

/** Creates the logger of a process. No key or password reaches a line: it is redacted wherever it stands. */
export function createLogger(options: LoggerOptions = {}): Logger {
  return openLog(options).logger;
}

/** Creates the logger of a process, as `createLogger` does, for a process whose log is rotated. */
export function openLog(options: LoggerOptions = {}): ProcessLog {
  const streams: { level: string; stream: DestinationStream }[] = [];
  let showsOnStdout = true;
  const level = options.level ?? 'info';
  if (options.stdout ?? true) {
    const stream = process.stdout.isTTY
      ? prettyStream()
      : pino.destination({ dest: 1, sync: true });
    const write = (line: string) => showsOnStdout && stream.write(line);
    streams.push({ level, stream: { write } });
  }
  // Synchronous, so that the last lines before a crash are in the file.
  const file =
    options.file === undefined
      ? undefined
      : pino.destination({ dest: options.file, append: true, sync: true });
  if (file !== undefined) streams.push({ level, stream: file });
  const logger = pino(
    {
      level,
      base: { pid: process.pid, ...options.fields },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretPaths, censor: '[redacted]' },
    },
    multistream(streams),
  );
  return {
    logger,
    reopen: () => file?.reopen(),
    leaveStdout() {
      showsOnStdout = false;
    },
  };
}

const levelNames: Readonly<Record<number, string>> = {
  10: '\x1b[90mtrace\x1b[39m',
  20: '\x1b[90mdebug\x1b[39m',
  30: '\x1b[32m info\x1b[39m',
  40: '\x1b[33m warn\x1b[39m',
  50: '\x1b[31merror\x1b[39m',
  60: '\x1b[35mfatal\x1b[39m',
};

const fieldsShownInFront = new Set(['level', 'time', 'pid', 'msg', 'role', 'name', 'id', 'err']);

/**
 * Shows the characters that a terminal would obey as JSON does: what strangers send stands in some lines.
 * Line breaks stay.
 */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Rewrites JSON lines for a person at a terminal. */
function prettyStream(): DestinationStream {
  return { write: (line) => void process.stdout.write(prettyLine(line)) };
}

function prettyLine(line: string): string {
  const entry: unknown = JSON.parse(line);
  if (typeof entry !== 'object' || entry === null) return line;
  const fields = new Map<string, unknown>(Object.entries(entry));
  const time = String(fields.get('time')).slice(11, 23);
  const level = levelNames[Number(fields.get('level'))] ?? '';
  const id = fields.get('id');
  const source = [fields.get('name') ?? fields.get('role') ?? '', id === undefined ? '' : `#${id}`];
  const rest = [...fields]
    .filter(([key]) => !fieldsShownInFront.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .map(printable);
  const details = rest.length === 0 ? '' : ` \x1b[90m${rest.join(' ')}\x1b[39m`;
  return `\x1b[90m${time}\x1b[39m ${level} \x1b[36m${source.join('')}\x1b[39m ${printable(String(fields.get('msg') ?? ''))}${details}\n${prettyStack(fields.get('err'))}`;
}

function prettyStack(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('stack' in error)) return '';
  return `${printable(String(error.stack)).replace(/^/gm, '    ')}\n`;
}
