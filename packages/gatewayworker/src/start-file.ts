import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertNonEmptyString, OptionError } from '@gatewayworker/core';

/** Hints for finding the start file. */
export interface StartFileHints {
  /** Option `startFile` of `run`: a path or a `file:` URL, which has precedence. */
  readonly given: unknown;
  /**
   * Paths from the command line, such as `process.argv[1]`. One that leads to the start file through symbolic links is
   * preferred, so that it leads to the next release after a link was changed.
   */
  readonly paths: readonly (string | undefined)[];
}

/**
 * Finds the file that calls a function. It is the start file even if `process.argv[1]` is another program, such as pm2.
 *
 * Functions of other files may be between the two: the start file is the one that is being loaded.
 *
 * @param called - function that the start file calls
 * @returns an absolute path; `undefined` when no file calls it, as in `node --eval`
 * @throws {GW_ERR_OPTION_INVALID} when `given` is neither a path nor a `file:` URL
 */
export function findStartFile(
  called: (...args: never[]) => unknown,
  { given, paths }: StartFileHints,
): string | undefined {
  const known = paths.filter((path) => path !== undefined);
  const file = given === undefined ? callingFile(called) : readGiven(given);
  return known.find((path) => file === undefined || isSameFile(path, file)) ?? file;
}

/** Tells whether two paths lead to one file. */
export function isSameFile(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}

function readGiven(given: unknown): string {
  assertNonEmptyString('run.startFile', given);
  try {
    return given.startsWith('file:') ? fileURLToPath(given) : resolve(given);
  } catch {
    const allowed = 'allowed: a path or a file URL, such as import.meta.url';
    throw new OptionError('run.startFile', given, allowed);
  }
}

/** Returns the outermost calling file: the one that the loader of Node.js is loading. */
function callingFile(called: (...args: never[]) => unknown): string | undefined {
  const files = callSiteFiles(called);
  const end = files.indexOf(undefined);
  return files.slice(0, end === -1 ? files.length : end).at(-1);
}

/** Returns the files of the call stack, innermost first; `undefined` for code outside of a file. */
function callSiteFiles(called: (...args: never[]) => unknown): (string | undefined)[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = 100;
    // Call sites have the loaded files, while the text of a stack has the files of source maps.
    Error.prepareStackTrace = (_, sites) => sites.map((site) => toPath(site.getFileName()));
    Error.captureStackTrace(holder, called);
    return Array.isArray(holder.stack) ? holder.stack : [];
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function toPath(fileName: string | null | undefined): string | undefined {
  // TypeScript loaders may add a query, which is not part of the path.
  if (fileName?.startsWith('file:')) return fileURLToPath(fileName);
  return fileName?.startsWith('/') ? fileName : undefined;
}
