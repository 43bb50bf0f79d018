import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GatewayWorkerError } from './errors.ts';

/** A shared state of this process, with the copy of the package that created it. */
interface SharedState<T> {
  readonly version: string;
  /** Path of that copy. */
  readonly path: string;
  readonly value: T;
}

/**
 * Returns a state that all copies of the package in this process share.
 *
 * A package is loaded twice when it is installed twice, or when tsx loads it both as CommonJS and as ES module.
 *
 * @param name - name of the state, the same in every copy
 * @throws {GW_ERR_VERSION_MISMATCH} with both paths, when a copy of another version created the state
 */
export function processState<T>(name: string, create: () => T): T {
  return sharedState(name, create, {
    version: readVersion(),
    path: fileURLToPath(import.meta.url),
  });
}

/** As `processState`, for a copy of the given version and path. */
export function sharedState<T>(
  name: string,
  create: () => T,
  copy: Pick<SharedState<T>, 'version' | 'path'>,
): T {
  const key = Symbol.for(`gatewayworker.${name}`);
  const states = globalThis as { [key: symbol]: SharedState<T> | undefined };
  const state = states[key] ?? { ...copy, value: create() };
  states[key] = state;
  if (state.version === copy.version) return state.value;
  const text = `two versions of gatewayworker are loaded in one process: ${state.version} (${state.path}) and ${copy.version} (${copy.path}); install one`;
  throw new GatewayWorkerError('GW_ERR_VERSION_MISMATCH', text);
}

/** The version of the installed package. */
export function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const manifest: { readonly version: string } = JSON.parse(text);
  return manifest.version;
}
