import { fileURLToPath } from 'node:url';
import { codeExtension } from './fork-module.ts';
import { type ServerCommand, ServerProcess } from './server-process.ts';

/**
 * Starts a module of this package as a server, from source or built as this process is.
 *
 * @param module - its URL without extension
 */
export async function startModule(
  module: URL,
  options: { readonly args: readonly string[] } & Pick<ServerCommand, 'env' | 'readyText'>,
): Promise<ServerProcess> {
  return await ServerProcess.start({
    ...options,
    command: process.execPath,
    args: [...process.execArgv, `${fileURLToPath(module)}.${codeExtension}`, ...options.args],
  });
}
