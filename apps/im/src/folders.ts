import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Folder of package.json, with a trailing slash; the same for the sources and for the compiled app. */
export const appFolder: string = fileURLToPath(findPackage(new URL('./', import.meta.url)));

function findPackage(from: URL): URL {
  if (existsSync(new URL('package.json', from))) return from;
  const parent = new URL('../', from);
  if (parent.href === from.href) throw new Error('no package.json found above the messenger');
  return findPackage(parent);
}
