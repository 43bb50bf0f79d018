import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Forks a built module of this package. */
export function forkModule(module: URL, args: readonly string[] = []): ChildProcess {
  return fork(fileURLToPath(module), args);
}
