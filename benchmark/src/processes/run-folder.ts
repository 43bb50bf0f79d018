import { rmSync } from 'node:fs';
import { type TemporaryFolder, temporaryFolder } from '@gatewayworker/testing';

const inUse = new Set<string>();

process.on('exit', () => {
  for (const path of inUse) rmSync(path, { recursive: true, force: true });
});

/** Creates a folder for the files of a server. It is removed when the benchmark ends, if not before. */
export async function runFolder(): Promise<Pick<TemporaryFolder, 'path' | 'dispose'>> {
  const { path, dispose } = await temporaryFolder('bench');
  inUse.add(path);
  return {
    path,
    async dispose() {
      await dispose();
      inUse.delete(path);
    },
  };
}
