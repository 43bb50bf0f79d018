import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The extension of a compiled source, and the other way round. */
const alternativeExtension: Readonly<Record<string, string>> = {
  '.ts': '.js',
  '.js': '.ts',
  '.mts': '.mjs',
  '.mjs': '.mts',
};

/**
 * The module to load for the `eventHandler` option: the named one, or, if that does not exist, the one with the
 * alternative extension. So the same start file works as TypeScript and after compilation.
 *
 * @param url - `file:` URL of a module
 */
export function findEventModule(url: string): string {
  const alternative = alternativeOf(url);
  return alternative !== undefined && !exists(url) && exists(alternative) ? alternative : url;
}

/** Describes which files do not exist; `undefined` if one of them exists. */
export function describeMissing(url: string): string | undefined {
  const candidates = [url, alternativeOf(url) ?? url];
  if (candidates.some(exists)) return undefined;
  const [path, alternative] = candidates.map(pathOf);
  return path === alternative
    ? `${path} does not exist`
    : `neither ${path} nor ${alternative} exists`;
}

function alternativeOf(url: string): string | undefined {
  const alternative = new URL(url);
  const [extension = ''] = /\.[^./]*$/.exec(alternative.pathname) ?? [];
  const other = alternativeExtension[extension];
  if (other === undefined) return undefined;
  alternative.pathname = alternative.pathname.slice(0, -extension.length) + other;
  return alternative.href;
}

function exists(url: string): boolean {
  return existsSync(pathOf(url));
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    // Not a valid path, for example because of an encoded slash. The import reports what is wrong.
    return url;
  }
}
