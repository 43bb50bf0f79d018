import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Returns whether a folder of `PATH` has a program. */
export function isInPath(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, program)));
}
