import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertNonEmptyString, OptionError } from '@gatewayworker/core';

/** What the start file is found by. */
export interface StartFileHints {
  /** Option of `run`: a path or a `file:` URL; it decides when it is there. */
  readonly given: unknown;
  /**
   * Paths that were typed, such as `process.argv[1]`. One that leads to the start file by symbolic links is
   * the answer, so that it leads to the next release once a link was changed.
   */
  readonly typed: readonly (string | undefined)[];
}

/**
 * Finds the file that calls a function, which is the start file even where another program, such as
 * pm2, is what Node.js was started with and `process.argv[1]` names.
 *
 * Helpers between the two are passed over: what counts is the file that is being loaded.
 *
 * @param called - the function that the start file calls
 * @returns an absolute path; `undefined` when no file calls, as in `node --eval`
 * @throws {GW_ERR_OPTION_INVALID} when `given` is neither a path nor a `file:` URL
 */
export function findStartFile(
  called: (...args: never[]) => unknown,
  { given, typed }: StartFileHints,
): string | undefined {
  const paths = typed.filter((path) => path !== undefined);
  const file = given === undefined ? callingFile(called) : readGiven(given);
  return paths.find((path) => file === undefined || isSameFile(path, file)) ?? file;
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

/** The outermost of the files that call each other up to the loader of Node.js, which loads the last one. */
function callingFile(called: (...args: never[]) => unknown): string | undefined {
  const files = callSiteFiles(called);
  const end = files.indexOf(undefined);
  return files.slice(0, end === -1 ? files.length : end).at(-1);
}

/** Files of the calls that led here, the innermost first; `undefined` for code that is in no file. */
function callSiteFiles(called: (...args: never[]) => unknown): (string | undefined)[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = 100;
    // Call sites name files as they were loaded, where the text of a stack names what source maps say.
    Error.prepareStackTrace = (_, sites) => sites.map((site) => toPath(site.getFileName()));
    Error.captureStackTrace(holder, called);
    return Array.isArray(holder.stack) ? holder.stack : [];
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function toPath(fileName: string | null | undefined): string | undefined {
  // Loaders of TypeScript may add a query, which is no part of the path.
  if (fileName?.startsWith('file:')) return fileURLToPath(fileName);
  return fileName?.startsWith('/') ? fileName : undefined;
}
