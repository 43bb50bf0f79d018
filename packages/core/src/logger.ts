import { type LogFn, type Logger as PinoLogger, pino } from 'pino';
import { trimStack } from './application-stack.ts';
import { boundLine } from './bounded-line.ts';
import { fileDestination, Output, standardDestination } from './output.ts';
import { formatReadable } from './readable-line.ts';
import { guardStandardStreams, showsColour } from './standard-streams.ts';

/** The logger of a process; child loggers carry bound fields such as `role` and `clientId`. */
export type Logger = PinoLogger;

/** Options of a logger. */
export interface LoggerOptions {
  /** Fields of every line, such as `{ role, name, id }`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** One of pino's levels. @default 'info' */
  readonly level?: string;
  /** Absolute path of the log file, which gets JSON lines. @default no file */
  readonly file?: string | false;
  /** Also log to stdout: JSON lines, or readable lines on a terminal. @default true */
  readonly stdout?: boolean;
  /** Log to stderr instead of stdout, for a process that writes data to stdout. @default false */
  readonly stderr?: boolean;
}

/** Names of fields that are redacted. */
const secretFields = ['secretKey', 'password', 'passphrase', 'tls.key', 'innerTls.key'];

/** Paths of these fields: at the top level, and in up to four levels of objects or lists. */
const secretPaths = ['', '*.', '*.*.', '*.*.*.', '*.*.*.*.'].flatMap((owner) =>
  secretFields.map((field) => `${owner}${field}`),
);

/** The logger of a process, with a file that can be rotated while it is in use. */
export interface ProcessLog {
  readonly logger: Logger;
  /** The log file, for the printed output of processes; `undefined` without a file. */
  readonly file: Output | undefined;
  /** Number of lines of the log file, stdout and stderr that this process has dropped since it started. */
  readonly dropped: number;
  /** Whether the file at the path is missing, or is another one than the file that is written to. */
  readonly isDetached: boolean;
  /**
   * Opens the file again by its path, which creates it again after a rotation.
   *
   * @throws when it cannot be opened; the old file stays in use
   */
  reopen(): void;
  /** Stops logging to stdout; only the file gets further lines. */
  leaveStdout(): void;
}

/** Creates the logger of a process. Fields with keys and passwords are redacted. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const fd = options.stderr === true ? 2 : 1;
  const streams = options.stdout === false ? [] : [new Output(standardDestination(fd))];
  return openLogOn(streams, options).logger;
}

/**
 * Creates the logger of a process whose log file can be rotated, and guards its standard streams. Neither a call of
 * the logger nor a write to a standard stream blocks or throws.
 */
export function openLog(options: LoggerOptions = {}): ProcessLog {
  const { stdout, stderr } = guardStandardStreams();
  return openLogOn([stdout, stderr], options);
}

/** @param standard - streams that count for `dropped`; the first one gets log lines unless `stdout` is false */
function openLogOn(standard: readonly Output[], options: LoggerOptions): ProcessLog {
  const streams: { write(line: string): unknown }[] = [];
  const level = options.level ?? 'info';
  const [shown] = standard;
  let showsOnStdout = shown !== undefined && (options.stdout ?? true);
  if (shown !== undefined && showsOnStdout) {
    const format = lineFormat(options.stderr === true ? process.stderr : process.stdout);
    streams.push({ write: (line) => showsOnStdout && shown.write(format(line)) });
  }
  const { file: path = false } = options;
  const file = path === false ? undefined : new Output(fileDestination(path));
  if (file !== undefined) streams.push(file);
  const write = (line: string): void => {
    const bounded = boundLine(line);
    for (const stream of streams) stream.write(bounded);
  };
  const logger = pino(
    {
      level,
      base: { pid: process.pid, ...options.fields },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretPaths, censor: '[redacted]' },
      serializers: { err: serializeError },
      hooks: { logMethod },
    },
    { write },
  );
  const outputs = file === undefined ? standard : [file, ...standard];
  for (const output of outputs) {
    output.onRecovered = ({ lines, reason }) => {
      logger.warn({ output: output.name, dropped: lines, reason }, 'output lines dropped');
    };
  }
  return {
    logger,
    file,
    get dropped() {
      return outputs.reduce((sum, output) => sum + output.dropped, 0);
    },
    get isDetached() {
      return file?.isDetached ?? false;
    },
    reopen: () => file?.reopen(),
    leaveStdout() {
      showsOnStdout = false;
    },
  };
}

function serializeError(error: Error): unknown {
  const serialized = pino.stdSerializers.err(error);
  if (typeof serialized.stack === 'string') serialized.stack = trimStack(serialized.stack);
  return serialized;
}

/** Logs a line. A value of the application may throw when it is read, and the logger must not throw. */
function logMethod(this: PinoLogger, args: Parameters<LogFn>, method: LogFn): void {
  try {
    method.apply(this, args);
  } catch {
    method.apply(this, ['a log line was dropped: one of its fields cannot be read']);
  }
}

/** Selects JSON lines, or readable lines for a terminal, with colours if the terminal supports them. */
function lineFormat(stream: NodeJS.WriteStream): (line: string) => string {
  if (!stream.isTTY) return (line) => line;
  const colour = showsColour(stream);
  return (line) => formatReadable(line, colour);
}
