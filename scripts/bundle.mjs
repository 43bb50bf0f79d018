// Makes of each package one file, and one for each part that is loaded later: dist/*.js, beside the types that
// tsc has written. A process of some hundred small modules takes twice as long to start.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const packages = fileURLToPath(new URL('../packages/', import.meta.url));

async function bundle(name) {
  const folder = `${packages}${name}`;
  const { engines } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: ['src/index.ts'],
    outdir: 'dist',
    bundle: true,
    // What is imported when it is needed stays a file of its own.
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: `node${engines.node.replace(/^>=/, '')}`,
    sourcemap: true,
    write: false,
    logLevel: 'warning',
  });
  for (const { path, contents } of outputFiles) await replace(path, contents);
  // Of earlier builds. Last, for processes that run to find their parts as long as they can.
  const written = new Set(outputFiles.map(({ path }) => basename(path)));
  for (const file of await readdir(`${folder}/dist`, { recursive: true })) {
    const isOldBundle = /\.js(\.map)?$/.test(file) && !written.has(file);
    // tsc leaves the types of a source that was removed, and npm would publish them.
    const [, typed] = /^(.*)\.d\.ts(?:\.map)?$/.exec(file) ?? [];
    const isOldType = typed !== undefined && !existsSync(`${folder}/src/${typed}.ts`);
    if (isOldBundle || isOldType) await rm(`${folder}/dist/${file}`);
  }
}

/** Writes a file that may be read at any time: at once, and only when it is another one. */
async function replace(path, contents) {
  const before = await readFile(path).catch(() => undefined);
  if (before?.equals(contents)) return;
  await mkdir(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}`;
  await writeFile(aside, contents);
  await rename(aside, path);
}

await Promise.all((await readdir(packages)).map(bundle));
