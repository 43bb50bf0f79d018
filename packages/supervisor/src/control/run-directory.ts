import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  realpathSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, parse } from 'node:path';
import { GatewayWorkerError, makeFolders } from '@gatewayworker/core';

/** `sockaddr_un` holds 108 bytes, of which the last is a zero. */
const MAX_PATH_BYTES = 107;
/** Bytes of the longest name that a socket of the run directory may have, without `.sock`. */
const MAX_NAME_BYTES = 24;
const extension = '.sock';
/** Time in which a master restores its files, even on a busy machine, in milliseconds. */
const RESTORE_MS = 1_500;

/**
 * Returns the directory of a cluster's control sockets: beside its pid file, with the extension `.run`.
 *
 * If that path is too long for a unix socket, it is a directory of this user in the folder for temporary files. This
 * function creates and checks nothing.
 *
 * @param pidFile - absolute path
 */
export function runDirectory(pidFile: string, temporaryFolder: string = tmpdir()): string {
  const { dir, name, ext, base } = parse(pidFile);
  const beside = join(dir, `${ext === '.run' ? base : name}.run`);
  const longest = Buffer.byteLength(beside) + 1 + MAX_NAME_BYTES + extension.length;
  if (longest <= MAX_PATH_BYTES) return beside;
  // A cluster has one directory, whichever symbolic link leads to its pid file.
  const digest = createHash('sha256').update(resolveFolder(pidFile)).digest('hex').slice(0, 16);
  return join(temporaryFolder, `gatewayworker-${userId() ?? 'user'}`, digest);
}

/**
 * Returns the path of a socket in the run directory.
 *
 * @param name - at most 24 bytes, without a slash, such as `master` or `gateway-0`
 */
export function socketPath(
  pidFile: string,
  name: string,
  temporaryFolder: string = tmpdir(),
): string {
  return join(runDirectory(pidFile, temporaryFolder), `${name}${extension}`);
}

/** The socket on which the master takes commands. */
export function controlPath(pidFile: string): string {
  return socketPath(pidFile, 'master');
}

/**
 * Tells whether a master may be about to restore its files: they are missing, and their folder changed within the
 * last 1.5 s, for example because a build emptied it.
 */
export function isRestorePending(pidFile: string): boolean {
  if (existsSync(pidFile) || existsSync(controlPath(pidFile))) return false;
  const changedAt = statSync(dirname(pidFile), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Math.abs(Date.now() - changedAt) < RESTORE_MS;
}

/**
 * Creates the directory of a socket, with the directories that lead to it, for this user alone.
 *
 * @throws {GW_ERR_ACCESS_DENIED} when it belongs to another user, or is open to other users
 * @throws the error of the system when it cannot be created
 */
export function createRunDirectory(socket: string): void {
  const directories = ownDirectories(dirname(socket));
  makeFolders(dirname(directories[0]));
  for (const path of directories) {
    makeFolders(path, 0o700);
    // A copied or unpacked directory may be open to other users; only its owner can change its mode.
    const stats = lstatSync(path);
    if (stats.isDirectory() && stats.uid === userId()) chmodSync(path, 0o700);
  }
  assertOwnDirectory(socket);
}

/** Removes the directory of a socket, unless another process has a socket in it. */
export function removeRunDirectory(socket: string): void {
  try {
    rmdirSync(dirname(socket));
  } catch {
    // It is not empty, or already removed.
  }
}

/**
 * Keeps the run directory between the stop and the start of a restart, by an empty file in it. On a full disk the
 * directory could not be created again, while an empty file needs no space.
 *
 * @returns a function that removes the file, and the directory if that is empty
 */
export function reserveRunDirectory(pidFile: string): () => void {
  const path = join(runDirectory(pidFile), `restart-${process.pid}`);
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch {
    // There is no run directory, or the stop that follows reports what is wrong with it.
    return () => {};
  }
  return () => {
    rmSync(path, { force: true });
    removeRunDirectory(path);
  };
}

/**
 * Throws when another user could have written to the directory of a socket. A missing directory passes.
 *
 * @throws {GW_ERR_ACCESS_DENIED} naming the directory and what is wrong with it
 */
export function assertOwnDirectory(socket: string): void {
  const user = userId();
  // Windows has neither numeric owners nor unix sockets as files.
  if (user === undefined) return;
  for (const path of ownDirectories(dirname(socket))) {
    const problem = findProblem(path, user);
    if (problem === undefined) continue;
    const message = `the run directory ${path} ${problem}`;
    throw new GatewayWorkerError('GW_ERR_ACCESS_DENIED', message);
  }
}

/** The run directory; before it, the directory of this user if the run directory is in that one. */
function ownDirectories(directory: string): [string, ...string[]] {
  const parent = dirname(directory);
  const isOfUser = /^gatewayworker-\d+$/.test(basename(parent));
  return isOfUser ? [parent, directory] : [directory];
}

function findProblem(path: string, user: number): string | undefined {
  const stats = lstatIfPresent(path);
  if (stats === undefined) return undefined;
  if (!stats.isDirectory()) return 'is not a directory: remove it, or set pidFile of run()';
  if (stats.uid !== user) {
    return `belongs to another user (uid ${stats.uid}, this is uid ${user}): run the command as the user who started the cluster, or set pidFile of run()`;
  }
  // Also rejects file systems that store no modes, which Node.js cannot detect in another way.
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
    return `is open to other users (mode ${mode}, allowed: 0700): change its mode, or set pidFile of run() to a path where modes are kept`;
  }
  return undefined;
}

/** Treats EACCES as missing too: connecting then fails with the same error. */
function lstatIfPresent(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return undefined;
    throw error;
  }
}

/** Resolves the symbolic links of the folder of a file; returns the path unchanged if the folder is missing. */
function resolveFolder(file: string): string {
  try {
    return join(realpathSync(dirname(file)), basename(file));
  } catch {
    return file;
  }
}

function userId(): number | undefined {
  return process.geteuid?.();
}
