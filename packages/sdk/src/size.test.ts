import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const MAX_CORE_BYTES = 5 * 1024;

/** Sizes of the files that a bundler makes of the package, minified and compressed. */
async function measure(entry: string): Promise<number[]> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    conditions: ['@gatewayworker/source'],
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    outdir: 'dist',
    chunkNames: '[name]',
    write: false,
  });
  return outputFiles.map(({ contents }) => gzipSync(contents, { level: 9 }).length);
}

test('size: the core has at most 5 KiB, minified and compressed', async () => {
  const [core = 0, ...loadedOnDemand] = await measure('index.ts');
  expect(core).toBeGreaterThan(1000);
  expect(core).toBeLessThanOrEqual(MAX_CORE_BYTES);
  // The session store.
  expect(loadedOnDemand).toHaveLength(1);
});
