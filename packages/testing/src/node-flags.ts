import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Node.js resolves `--import tsx` from the working directory, so the path is absolute. */
const TYPESCRIPT_FLAGS: readonly string[] = [
  '--import',
  new URL('../../../node_modules/tsx/dist/loader.mjs', import.meta.url).href,
];

/**
 * Returns the flags that run a file as users do: TypeScript with tsx, JavaScript without, which starts in a third of
 * the time. It uses the built packages, or the sources if this process has that condition.
 */
export function nodeFlags(file: string): readonly string[] {
  const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions='));
  return extname(file) === '.ts' ? [...conditions, ...TYPESCRIPT_FLAGS] : [];
}

/** Root of the repository. */
export const repositoryRoot: string = fileURLToPath(new URL('../../../', import.meta.url));
