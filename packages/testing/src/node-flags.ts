import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `--import tsx` alone is looked up from the working directory, hence the full path. */
const typeScriptFlags: readonly string[] = [
  '--import',
  new URL('../../../node_modules/tsx/dist/loader.mjs', import.meta.url).href,
];

/**
 * Flags that run a file as its users do: TypeScript by tsx, JavaScript by Node.js alone, which starts in a third
 * of the time. It uses the packages as built, or from source if this process runs with that condition.
 */
export function nodeFlags(file: string): readonly string[] {
  const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions='));
  return extname(file) === '.ts' ? [...conditions, ...typeScriptFlags] : [];
}

/** Root of the repository. */
export const repositoryRoot: string = fileURLToPath(new URL('../../../', import.meta.url));
