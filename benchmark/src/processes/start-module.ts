import { fileURLToPath } from 'node:url';
import { type ServerCommand, ServerProcess } from './server-process.ts';

/** Starts a built module of this package as a server. */
export async function startModule(
  module: URL,
  options: { readonly args: readonly string[] } & Pick<ServerCommand, 'env' | 'readyText'>,
): Promise<ServerProcess> {
  return await ServerProcess.start({
    ...options,
    command: process.execPath,
    args: [fileURLToPath(module), ...options.args],
  });
}
