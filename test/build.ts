import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
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
  // With every package, by their references.
  await compile('test/e2e/fixtures', 'benchmark');
  // As a user compiles them: against built packages, which they have no references to.
  await compile('recipes/cluster', 'apps/im/tsconfig.build.json', 'tsconfig.examples.json');
  await linkPages();
  await promisify(execFile)(process.execPath, ['scripts/bundle.mjs'], { cwd: root });
}

/** @throws with what the compiler says, when it finds an error */
async function compile(...projects: string[]): Promise<void> {
  const args = [compiler, '--build', ...projects];
  await promisify(execFile)(process.execPath, args, { cwd: root }).catch((error: unknown) => {
    const output = String(Reflect.get(Object(error), 'stdout'));
    const names = projects.join(', ');
    throw new Error(`${names}, which tests run, cannot be built:\n${output}`, { cause: error });
  });
}

/** Links the folder `page` of each example beside the compiled files, which serve it from there. */
async function linkPages(): Promise<void> {
  for (const name of await readdir(join(root, 'examples'))) {
    const link = join(root, 'dist/examples', name, 'page');
    if (!existsSync(join(root, 'examples', name, 'page')) || existsSync(link)) continue;
    await symlink(`../../../examples/${name}/page`, link);
  }
}
