import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The extension of this code's modules: `ts` when it runs from source, `js` when it was built. */
export const codeExtension: string = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** Starts a module of this package as a process with a channel. `module` is its URL without extension. */
export function forkModule(
  module: URL,
  args: readonly string[] = [],
  options: ForkOptions = {},
): ChildProcess {
  return fork(`${fileURLToPath(module)}.${codeExtension}`, args, options);
}
