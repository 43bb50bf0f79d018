import { parse, resolve } from 'node:path';
import {
  assertInteger,
  assertNonEmptyString,
  assertOneOf,
  assertOptionsObject,
  deepFreeze,
  type HostPort,
  OptionError,
  parseHostPort,
  rejectUnknownKeys,
  withoutUndefined,
} from '@gatewayworker/core';
import { OnMasterExit, parseOnMasterExit } from './control/child-protocol.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** What is logged: lines of this severity and more severe ones. */
export type LogLevel = (typeof logLevels)[number];

/** Options of `run`. */
export interface RunOptions {
  /** Path or `file:` URL of the start file, such as `import.meta.url`, where another file calls `run`. @default the file that calls `run` */
  readonly startFile?: string;
  /** File that holds the pid of the master; the run directory with the control socket stands beside it. @default the start file with `.pid` for its extension */
  readonly pidFile?: string;
  /** File that gets JSON lines from every process; `false` writes none. @default the start file with `.log` for its extension */
  readonly logFile?: string | false;
  /** Least severe lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`, or `silent` for none. @default 'info' */
  readonly logLevel?: LogLevel;
  /** Time a process has to stop by itself before it is killed, in milliseconds, 1 to 86,400,000. @default 5000 */
  readonly stopTimeoutMs?: number;
  /** Time `start` waits for the processes of each kind to be ready before it goes on, and that a new process has in a `reload`, in milliseconds, 1 to 86,400,000. @default 10000 */
  readonly readyTimeoutMs?: number;
  /**
   * Where the master answers probes by HTTP, `host:port`: `GET /live` and `GET /ready`. Empty answers
   * none. @default ''
   */
  readonly health?: string;
  /**
   * What processes do when their master dies: `'keep'` keeps them running until a master attaches to them,
   * `'stop'` stops them. @default `'keep'` after `start -d`, else `'stop'`
   */
  readonly onMasterExit?: 'keep' | 'stop';
}

/** Options of `run` with every default filled in; the paths are absolute. */
export interface ResolvedRunOptions extends Required<Omit<RunOptions, 'onMasterExit'>> {
  /** Absolute path; `/dev/null` when there is no log file. */
  readonly logFile: string;
  /** Absolute path of the start file. */
  readonly startFile: string;
  /** `undefined` for the default of the command. */
  readonly onMasterExit: OnMasterExit | undefined;
}

/** Defaults of `run`; those of the two files follow from the start file. */
export const runDefaults: Omit<
  ResolvedRunOptions,
  'startFile' | 'pidFile' | 'logFile' | 'onMasterExit'
> = Object.freeze({ logLevel: 'info', stopTimeoutMs: 5_000, readyTimeoutMs: 10_000, health: '' });

/**
 * Merges options with the defaults, checks and freezes them. Relative paths count from the working directory.
 *
 * @param startFile - absolute path
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 */
export function resolveRunOptions(options: RunOptions, startFile: string): ResolvedRunOptions {
  assertOptionsObject('run', options);
  rejectUnknownKeys('run', options, [
    'startFile',
    'pidFile',
    'logFile',
    'onMasterExit',
    ...Object.keys(runDefaults),
  ]);
  const files = {
    pidFile: withExtension(startFile, '.pid'),
    logFile: withExtension(startFile, '.log'),
  };
  const given = { ...files, ...runDefaults, ...withoutUndefined(options) };
  const { startFile: _, pidFile, logFile, onMasterExit, ...times } = given;
  assertNonEmptyString('run.pidFile', pidFile);
  if (logFile !== false) assertNonEmptyString('run.logFile', logFile);
  assertOneOf('run.logLevel', times.logLevel, logLevels);
  const range = { min: 1, max: 86_400_000 };
  assertInteger('run.stopTimeoutMs', times.stopTimeoutMs, range);
  assertInteger('run.readyTimeoutMs', times.readyTimeoutMs, range);
  healthAddress(times.health);
  if (onMasterExit !== undefined && parseOnMasterExit(onMasterExit) === undefined) {
    const allowed = `allowed: ${Object.values(OnMasterExit).join(', ')}`;
    throw new OptionError('run.onMasterExit', onMasterExit, allowed);
  }
  const paths = { startFile, pidFile: resolve(pidFile), logFile: logPath(logFile) };
  return deepFreeze({ ...paths, ...times, onMasterExit });
}

/** Lines go to the standard output anyway: a log file that leads there would show each twice. */
const standardOutput = /^\/(?:dev\/(?:stdout|fd\/1)|proc\/self\/fd\/1)$/;
/** In a child it leads to its master, which keeps the end of it as the reason of a crash. */
const standardError = /^\/(?:dev\/(?:stderr|fd\/2)|proc\/self\/fd\/2)$/;

function logPath(logFile: string | false): string {
  const path = logFile === false ? '/dev/null' : resolve(logFile);
  if (standardError.test(path)) {
    const allowed =
      'allowed: a file, or false; in the foreground lines go to the standard output, and `start 1>&2` sends that to the error output';
    throw new OptionError('run.logFile', logFile, allowed);
  }
  return standardOutput.test(path) ? '/dev/null' : path;
}

/**
 * Reads where probes are answered; `undefined` when nowhere.
 *
 * @throws {GW_ERR_OPTION_INVALID} when it is neither empty nor `host:port` with a port that can be named
 */
export function healthAddress(health: unknown): HostPort | undefined {
  if (health === '') return undefined;
  const address = typeof health === 'string' ? tryHostPort(health) : undefined;
  if (address !== undefined && address.port > 0) return address;
  const allowed = 'allowed: host:port with a port from 1 to 65535, such as 127.0.0.1:9000';
  throw new OptionError('run.health', health, allowed);
}

function tryHostPort(text: string): HostPort | undefined {
  try {
    return parseHostPort('run.health', text);
  } catch {
    return undefined;
  }
}

function withExtension(file: string, extension: string): string {
  const { dir, name } = parse(file);
  return resolve(dir, `${name}${extension}`);
}
