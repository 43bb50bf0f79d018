import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Folder of the messenger, with a slash at its end: where its package.json is, whether it runs from source or as built. */
export const folder: string = fileURLToPath(findPackage(new URL('./', import.meta.url)));

function findPackage(from: URL): URL {
  if (existsSync(new URL('package.json', from))) return from;
  const parent = new URL('../', from);
  if (parent.href === from.href) throw new Error('the messenger has no package.json');
  return findPackage(parent);
}
