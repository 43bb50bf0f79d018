import { fileURLToPath } from 'node:url';

/**
 * Flags that run TypeScript from source in any working directory.
 *
 * `--import tsx` alone is looked up from the working directory, hence the full path.
 */
export const nodeFlags: readonly string[] = [
  '--conditions=@gatewayworker/source',
  '--import',
  new URL('../../../node_modules/tsx/dist/loader.mjs', import.meta.url).href,
];

/** Root of the repository. */
export const repositoryRoot: string = fileURLToPath(new URL('../../../', import.meta.url));
