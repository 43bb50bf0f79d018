import { type LogFn, type Logger as PinoLogger, pino } from 'pino';
import { trimStack } from './application-stack.ts';
import { boundLine } from './bounded-line.ts';
import { fileDestination, Output, standardDestination } from './output.ts';
import { formatReadable } from './readable-line.ts';
import { guardStandardStreams, showsColour } from './standard-streams.ts';

/** The logger of a process; child loggers carry bound fields such as `role` and `clientId`. */
export type Logger = PinoLogger;

/** Where and how a process logs. */
export interface LoggerOptions {
  /** Bound to every line, such as `{ role, name, id }`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** One of pino's levels. @default 'info' */
  readonly level?: string;
  /** Absolute path of a file that gets JSON lines. @default no file */
  readonly file?: string | false;
  /** Also log to the standard output: JSON lines, or readable lines when it is a terminal. @default true */
  readonly stdout?: boolean;
  /** Log to the standard error output instead, for a process whose standard output is data. @default false */
  readonly stderr?: boolean;
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
  /** The log file, for what processes print; absent without one. */
  readonly file: Output | undefined;
  /** Lines that this process has dropped since it started: of the log file, stdout and stderr. */
  readonly dropped: number;
  /** Whether the file at the path is missing, or is another one than the file that is written to. */
  readonly isDetached: boolean;
  /**
   * Opens the file by its name again, which creates it again after it was moved away.
   *
   * @throws when it cannot be opened; the old one stays in use
   */
  reopen(): void;
  /** Writes to the file alone from now on. */
  leaveStdout(): void;
}

/** Creates the logger of a process. No key or password reaches a line: it is redacted wherever it stands. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const fd = options.stderr === true ? 2 : 1;
  const streams = options.stdout === false ? [] : [new Output(standardDestination(fd))];
  return openLogOn(streams, options).logger;
}

/**
 * Creates the logger of a process, as `createLogger` does, for a process whose log is rotated, and guards its
 * standard streams. Neither a call of the logger nor a write to the standard streams blocks or throws.
 */
export function openLog(options: LoggerOptions = {}): ProcessLog {
  const { stdout, stderr } = guardStandardStreams();
  return openLogOn([stdout, stderr], options);
}

/** @param standard - streams that count for `dropped`; the first gets lines too, unless that is switched off */
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

/** A value of the application may throw when it is read: a call of the logger must not pass that on. */
function logMethod(this: PinoLogger, args: Parameters<LogFn>, method: LogFn): void {
  try {
    method.apply(this, args);
  } catch {
    method.apply(this, ['a log line was dropped: one of its fields cannot be read']);
  }
}

/** JSON for programs, readable lines for a terminal, and colours where it shows them. */
function lineFormat(stream: NodeJS.WriteStream): (line: string) => string {
  if (!stream.isTTY) return (line) => line;
  const colour = showsColour(stream);
  return (line) => formatReadable(line, colour);
}
