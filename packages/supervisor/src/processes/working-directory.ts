import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Answers the working directory of this process, or the folder of a file when that directory is gone. */
export function workingDirectory(file: string): string {
  try {
    return process.cwd();
  } catch {
    return existingDirectory(dirname(file));
  }
}

/**
 * Answers the first of some directories that is there now, the root when none is: a process cannot be
 * made in a directory that a deployment has removed.
 */
export function existingDirectory(...directories: readonly string[]): string {
  return directories.find((path) => existsSync(path)) ?? '/';
}
