import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { makeFolders, OptionError } from '@gatewayworker/core';

/**
 * Writes the pid of this process, and creates the folders of the file.
 *
 * The file is written under another name and renamed, so that no reader sees half a pid, and a symbolic link is replaced
 * instead of followed. Only its owner can read it. On a full disk the old file, with the pid of another process, is
 * removed.
 *
 * @throws {GW_ERR_OPTION_INVALID} when it cannot be written
 */
export function writePidFile(path: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    makeFolders(dirname(path), 0o700);
    assertReplaceable(path);
    writeFileSync(temporary, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (isDiskFull(error)) rmSync(path, { force: true });
    throw cannotBeWritten('run.pidFile', path, error);
  }
}

/**
 * Tells whether a write failed for lack of space, which an operator can free at any time. Other failures are wrong
 * paths or permissions. Accepts a system error, or the result of `cannotBeWritten`.
 */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const system = error.cause ?? error;
  const code = system instanceof Error && 'code' in system ? system.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/**
 * Checks before a start that the pid file, and so the run directory beside it, can be written. A full disk passes.
 *
 * @throws {GW_ERR_OPTION_INVALID} naming `run.pidFile` and the reason
 */
export function assertPidFile(path: string): void {
  try {
    makeFolders(dirname(path), 0o700);
    assertReplaceable(path);
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    if (isDiskFull(error)) return;
    throw cannotBeWritten('run.pidFile', path, error);
  }
}

/** Creates the error of a run file that cannot be written. */
export function cannotBeWritten(
  option: 'run.pidFile' | 'run.logFile',
  path: string,
  error: unknown,
): OptionError {
  return new OptionError(
    option,
    path,
    `it cannot be written: ${describe(error)}. Allowed: pidFile and logFile in folders that this user can write`,
    { cause: error },
  );
}

/** Returns the pid in a pid file; `undefined` when there is no file or no pid in it. */
export function readPidFile(path: string): number | undefined {
  const text = readIfPresent(path)?.trim() ?? '';
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}

/**
 * Removes a pid file.
 *
 * @param pid - the file is kept if it has another pid, which a later master has written
 */
export function removePidFile(path: string, pid: number): void {
  if (readPidFile(path) === pid) rmSync(path, { force: true });
}

/** Throws for anything but a file or a symbolic link: a rename would replace a device such as /dev/null. */
function assertReplaceable(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isFile() || found.isSymbolicLink()) return;
  throw new Error(found.isDirectory() ? 'it is a directory' : 'it is not a regular file');
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'a part of the path is a file',
  EISDIR: 'it is a directory',
  // For example below /proc, where only the kernel creates folders.
  ENOENT: 'a folder of the path cannot be created',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is a file',
  // A FIFO without a reader.
  ENXIO: 'no process reads it',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
};

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return reasons[code] ?? error.message;
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
