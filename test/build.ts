import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const root = fileURLToPath(new URL('../', import.meta.url));
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

/** Builds the packages, the fixtures and the recipes before each run, so that no test sees what was built before. */
export async function setup(project: TestProject): Promise<void> {
  project.onTestsRerun(build);
  await build();
}

/** @throws with what the compiler says, when it finds an error */
async function build(): Promise<void> {
  const args = [compiler, '--build', '.', 'test/e2e/fixtures', 'recipes/cluster'];
  await promisify(execFile)(process.execPath, args, { cwd: root }).catch((error: unknown) => {
    const output = String(Reflect.get(Object(error), 'stdout'));
    throw new Error(`the packages that the tests run cannot be built:\n${output}`, {
      cause: error,
    });
  });
}
