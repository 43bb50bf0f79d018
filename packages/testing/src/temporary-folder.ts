import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder that is there for one test. */
export interface TemporaryFolder {
  /** Absolute path. */
  readonly path: string;
  /** Writes a file, with the folders that lead to it, and resolves with its absolute path. */
  write(name: string, content: string): Promise<string>;
  /** Removes the folder and all that is in it. */
  dispose(): Promise<void>;
}

const parent = fileURLToPath(new URL('../../../test/.tmp/', import.meta.url));

/**
 * Creates a folder inside the repository, so that files in it can import `gatewayworker`.
 *
 * Git and Biome pass over it. Register its removal with vitest's `onTestFinished(folder.dispose)`.
 *
 * @param prefix - first part of the folder's name
 */
export async function temporaryFolder(prefix: string): Promise<TemporaryFolder> {
  await mkdir(parent, { recursive: true });
  const path = await mkdtemp(join(parent, `${prefix}-`));
  return {
    path,
    async write(name, content) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      return file;
    },
    dispose: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}
