import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Starts a module of this package, as built, as a process with a channel. */
export function forkModule(module: URL, args: readonly string[] = []): ChildProcess {
  return fork(fileURLToPath(module), args);
}
