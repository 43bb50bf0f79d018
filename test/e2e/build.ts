import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));

/**
 * Builds the packages and the fixtures, so that no process of a test runs what was built before.
 *
 * @throws with the output of the compiler, when it finds an error
 */
export async function setup(): Promise<void> {
  const args = [compiler, '--build', '.', 'test/e2e/fixtures'];
  await promisify(execFile)(process.execPath, args, { cwd: root }).catch((error: unknown) => {
    const output = String(Reflect.get(Object(error), 'stdout'));
    throw new Error(`the packages that the tests run cannot be built:\n${output}`, {
      cause: error,
    });
  });
}
