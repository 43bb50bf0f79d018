// Bundles each package into one file, and one more for each part that is loaded on demand: dist/*.js, beside the types
// that tsc has written. A process with hundreds of small modules takes twice as long to start.
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const packages = fileURLToPath(new URL('../packages/', import.meta.url));
const scope = '@gatewayworker/';

async function bundle(name) {
  const folder = `${packages}${name}`;
  const { engines, exports, devDependencies } = JSON.parse(
    await readFile(`${folder}/package.json`, 'utf8'),
  );
  // Packages of the workspace that become a part of the bundle: such a package is for browsers.
  const parts = Object.keys(devDependencies ?? {}).filter((part) => part.startsWith(scope));
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: Object.values(exports).map((entry) => entry['@gatewayworker/source']),
    outdir: 'dist',
    bundle: true,
    // Dynamic imports stay separate files.
    splitting: true,
    packages: 'external',
    alias: Object.fromEntries(
      parts.map((part) => [part, `${packages}${part.slice(scope.length)}/src/index.ts`]),
    ),
    format: 'esm',
    ...(parts.length > 0
      ? { platform: 'browser', target: 'es2022' }
      : { platform: 'node', target: `node${engines.node.replace(/^>=/, '')}` }),
    sourcemap: true,
    write: false,
    logLevel: 'warning',
  });
  for (const { path, contents } of outputFiles) await replace(path, contents);
  // Remove files of earlier builds. Do it last, so that running processes find their parts as long as possible.
  const written = new Set(outputFiles.map(({ path }) => basename(path)));
  for (const file of await readdir(`${folder}/dist`, { recursive: true })) {
    const isOldBundle = /\.js(\.map)?$/.test(file) && !written.has(file);
    // tsc does not remove the types of a removed source, and npm would publish them.
    const [, typed] = /^(.*)\.d\.ts(?:\.map)?$/.exec(file) ?? [];
    const isOldType = typed !== undefined && !existsSync(`${folder}/src/${typed}.ts`);
    if (isOldBundle || isOldType) await rm(`${folder}/dist/${file}`);
  }
  for (const part of parts) await copyTypes(`${folder}/dist`, part);
}

/** Copies the types of a package into the package that contains it, and imports them from there. */
async function copyTypes(dist, part) {
  const name = part.slice(scope.length);
  await cp(`${packages}${name}/dist`, `${dist}/${name}`, {
    recursive: true,
    filter: (path) => !/\.(?:js|map|tsbuildinfo)$/.test(path),
  });
  for (const file of await readdir(dist, { recursive: true })) {
    if (!file.endsWith('.d.ts')) continue;
    let text = await readFile(`${dist}/${file}`, 'utf8');
    // The maps of the copied types are not copied: they name sources that are not in the package.
    if (file.startsWith(`${name}/`)) text = text.replace(/\n\/\/# sourceMappingURL=.*/, '');
    else text = text.replaceAll(`'${part}'`, `'./${name}/index.js'`);
    await replace(`${dist}/${file}`, Buffer.from(text));
  }
}

/** Replaces a file atomically, because it may be read at any time, and only if its content has changed. */
async function replace(path, contents) {
  const before = await readFile(path).catch(() => undefined);
  if (before?.equals(contents)) return;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, contents);
  await rename(temporary, path);
}

await Promise.all((await readdir(packages)).map(bundle));
