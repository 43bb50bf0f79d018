import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder for one test. */
export interface TemporaryFolder {
  /** Absolute path. */
  readonly path: string;
  /** Writes a file, creates its folders, and resolves with its absolute path. */
  write(name: string, content: string): Promise<string>;
  /** Removes the folder with its contents. */
  dispose(): Promise<void>;
}

const parent = fileURLToPath(new URL('../../../test/.tmp/', import.meta.url));

/**
 * Creates a folder inside the repository, so that files in it can import `gatewayworker`.
 *
 * Git and Biome ignore it. Register its removal with vitest's `onTestFinished(folder.dispose)`.
 *
 * @param prefix - prefix of the folder name
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
