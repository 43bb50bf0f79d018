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

/** Least severe lines that are logged. */
export type LogLevel = (typeof logLevels)[number];

/** Options of `run`. */
export interface RunOptions {
  /** Path or `file:` URL of the start file, such as `import.meta.url`, if another file calls `run`. @default the file that calls `run` */
  readonly startFile?: string;
  /** File with the pid of the master; the run directory with the control sockets is beside it. @default the start file with the extension `.pid` */
  readonly pidFile?: string;
  /** File to which every process writes JSON lines; `false` for none. @default the start file with the extension `.log` */
  readonly logFile?: string | false;
  /** Least severe lines that are logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal`, or `silent` for none. @default 'info' */
  readonly logLevel?: LogLevel;
  /** Time for a process to stop before it is killed, in milliseconds, 1 to 86,400,000. @default 5000 */
  readonly stopTimeoutMs?: number;
  /** Time that `start` waits for the processes of each role to be ready, and that a new process has in a `reload`, in milliseconds, 1 to 86,400,000. @default 10000 */
  readonly readyTimeoutMs?: number;
  /**
   * Address at which the master answers HTTP probes, `host:port`: `GET /live` and `GET /ready`. Empty for
   * none. @default ''
   */
  readonly health?: string;
  /**
   * What processes do when their master ends unexpectedly: `'keep'` keeps them running until a master attaches to them,
   * `'stop'` stops them. @default `'keep'` after `start -d`, else `'stop'`
   */
  readonly onMasterExit?: 'keep' | 'stop';
}

/** Options of `run` with all defaults; the paths are absolute. */
export interface ResolvedRunOptions extends Required<Omit<RunOptions, 'onMasterExit'>> {
  /** Absolute path; `/dev/null` when there is no log file. */
  readonly logFile: string;
  /** Absolute path of the start file. */
  readonly startFile: string;
  /** `undefined` for the default of the command. */
  readonly onMasterExit: OnMasterExit | undefined;
}

/** Defaults of `run`; those of the two files depend on the start file. */
export const runDefaults: Omit<
  ResolvedRunOptions,
  'startFile' | 'pidFile' | 'logFile' | 'onMasterExit'
> = Object.freeze({ logLevel: 'info', stopTimeoutMs: 5_000, readyTimeoutMs: 10_000, health: '' });

/**
 * Merges options with the defaults, checks and freezes them. Relative paths are relative to the working directory.
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
  const { startFile: _, pidFile, logFile, onMasterExit, ...rest } = given;
  assertNonEmptyString('run.pidFile', pidFile);
  if (logFile !== false) assertNonEmptyString('run.logFile', logFile);
  assertOneOf('run.logLevel', rest.logLevel, logLevels);
  const range = { min: 1, max: 86_400_000 };
  assertInteger('run.stopTimeoutMs', rest.stopTimeoutMs, range);
  assertInteger('run.readyTimeoutMs', rest.readyTimeoutMs, range);
  healthAddress(rest.health);
  if (onMasterExit !== undefined && parseOnMasterExit(onMasterExit) === undefined) {
    const allowed = `allowed: ${Object.values(OnMasterExit).join(', ')}`;
    throw new OptionError('run.onMasterExit', onMasterExit, allowed);
  }
  const paths = { startFile, pidFile: resolve(pidFile), logFile: logPath(logFile) };
  return deepFreeze({ ...paths, ...rest, onMasterExit });
}

/** The standard output shows the lines anyway; as a log file it would repeat each line. */
const standardOutput = /^\/(?:dev\/(?:stdout|fd\/1)|proc\/self\/fd\/1)$/;
/** The error output of a child leads to its master, which keeps the end of it to explain a crash. */
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
 * Parses the address for probes; `undefined` when there is none.
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
