import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const root = fileURLToPath(new URL('../', import.meta.url));
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

/** Builds what tests run as it is built before each run, so that no test sees what was built before. */
export async function setup(project: TestProject): Promise<void> {
  project.onTestsRerun(build);
  await build();
}

async function build(): Promise<void> {
  // With every package, by its references.
  await compile('test/e2e/fixtures');
  // As a user compiles it: against built packages, which it has no references to.
  await compile('recipes/cluster');
  await compile('benchmark');
  await compile('apps/im/tsconfig.build.json');
  await promisify(execFile)(process.execPath, ['scripts/bundle.mjs'], { cwd: root });
}

/** @throws with what the compiler says, when it finds an error */
async function compile(path: string): Promise<void> {
  const args = [compiler, '--build', path];
  await promisify(execFile)(process.execPath, args, { cwd: root }).catch((error: unknown) => {
    const output = String(Reflect.get(Object(error), 'stdout'));
    throw new Error(`${path}, which tests run, cannot be built:\n${output}`, { cause: error });
  });
}
