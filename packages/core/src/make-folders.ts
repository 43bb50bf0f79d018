import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates a folder and its missing parents. `mkdirSync` with `recursive` cannot be used: for a path below /proc, where
 * a folder is reported as missing although its parent exists, it never returns.
 *
 * @param mode - mode of the folders that are created
 * @throws the error of the system
 */
export function makeFolders(path: string, mode?: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
    const parent = dirname(path);
    if (!isMissing(error) || parent === path) throw error;
    makeFolders(parent, mode);
    mkdirSync(path, { mode });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
