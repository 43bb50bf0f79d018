import { parse, resolve } from 'node:path';
import {
  assertInteger,
  assertNonEmptyString,
  assertOptionsObject,
  deepFreeze,
  rejectUnknownKeys,
} from '@gatewayworker/core';

/** Options of `run`. */
export interface RunOptions {
  /** File that holds the pid of the master; the control socket stands beside it. @default the start file with `.pid` for its extension */
  readonly pidFile?: string;
  /** File that gets JSON lines from every process. @default the start file with `.log` for its extension */
  readonly logFile?: string;
  /** Time a process has to stop by itself before it is killed, in milliseconds, 1 to 86,400,000. @default 5000 */
  readonly stopTimeoutMs?: number;
  /** Time `start` waits for the processes of each kind to be ready before it goes on, and that a new process has in a `reload`, in milliseconds, 1 to 86,400,000. @default 10000 */
  readonly readyTimeoutMs?: number;
}

/** Options of `run` with every default filled in; the paths are absolute. */
export interface ResolvedRunOptions extends Required<RunOptions> {
  /** Absolute path of the start file. */
  readonly startFile: string;
}

/** Defaults of `run`; those of the two files follow from the start file. */
export const runDefaults: Omit<ResolvedRunOptions, 'startFile' | 'pidFile' | 'logFile'> =
  Object.freeze({ stopTimeoutMs: 5_000, readyTimeoutMs: 10_000 });

/**
 * Merges options with the defaults, checks and freezes them. Relative paths count from the working directory.
 *
 * @param startFile - absolute path
 * @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed
 */
export function resolveRunOptions(options: RunOptions, startFile: string): ResolvedRunOptions {
  assertOptionsObject('run', options);
  rejectUnknownKeys('run', options, ['pidFile', 'logFile', ...Object.keys(runDefaults)]);
  const files = {
    pidFile: withExtension(startFile, '.pid'),
    logFile: withExtension(startFile, '.log'),
  };
  const { pidFile, logFile, ...times } = { ...files, ...runDefaults, ...options };
  assertNonEmptyString('run.pidFile', pidFile);
  assertNonEmptyString('run.logFile', logFile);
  const range = { min: 1, max: 86_400_000 };
  assertInteger('run.stopTimeoutMs', times.stopTimeoutMs, range);
  assertInteger('run.readyTimeoutMs', times.readyTimeoutMs, range);
  return deepFreeze({ startFile, pidFile: resolve(pidFile), logFile: resolve(logFile), ...times });
}

function withExtension(file: string, extension: string): string {
  const { dir, name } = parse(file);
  return resolve(dir, `${name}${extension}`);
}
