import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Returns the working directory of this process, or the folder of a file if that directory was removed. */
export function workingDirectory(file: string): string {
  try {
    return process.cwd();
  } catch {
    return existingDirectory(dirname(file));
  }
}

/**
 * Returns the first directory that exists, or `/`: a process cannot be started in a directory that a deployment has
 * removed.
 */
export function existingDirectory(...directories: readonly string[]): string {
  return directories.find((path) => existsSync(path)) ?? '/';
}
