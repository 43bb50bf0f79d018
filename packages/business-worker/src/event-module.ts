import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a source becomes when it is compiled, and the other way round. */
const twinExtension: Readonly<Record<string, string>> = {
  '.ts': '.js',
  '.js': '.ts',
  '.mts': '.mjs',
  '.mjs': '.mts',
};

/**
 * The module to load for the `eventHandler` option: the one named, or, when that is not there, its twin with
 * the other extension. So one line of a start file is right as TypeScript and once it is compiled.
 *
 * @param url - `file:` URL of a module
 */
export function findEventModule(url: string): string {
  const twin = twinOf(url);
  return twin !== undefined && !isThere(url) && isThere(twin) ? twin : url;
}

/** Says which files were looked for, when none of them is there; undefined when there is one. */
export function describeMissing(url: string): string | undefined {
  const looked = [url, twinOf(url) ?? url];
  if (looked.some(isThere)) return undefined;
  const [path, twin] = looked.map(pathOf);
  return path === twin ? `${path} is not there` : `neither ${path} nor ${twin} is there`;
}

function twinOf(url: string): string | undefined {
  const twin = new URL(url);
  const [extension = ''] = /\.[^./]*$/.exec(twin.pathname) ?? [];
  const other = twinExtension[extension];
  if (other === undefined) return undefined;
  twin.pathname = twin.pathname.slice(0, -extension.length) + other;
  return twin.href;
}

function isThere(url: string): boolean {
  return existsSync(pathOf(url));
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    // No path, such as one with an encoded slash: the import says what is wrong with it.
    return url;
  }
}
