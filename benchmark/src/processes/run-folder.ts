import { rmSync } from 'node:fs';
import { type TemporaryFolder, temporaryFolder } from '@gatewayworker/testing';

const inUse = new Set<string>();

process.on('exit', () => {
  for (const path of inUse) rmSync(path, { recursive: true, force: true });
});

/** A folder for what a server writes. It is removed at the latest when the benchmark ends. */
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
