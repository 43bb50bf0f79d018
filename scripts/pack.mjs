// Writes the tarball of every package as npm would publish it, to install them in another project.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../', import.meta.url));
const [, , given] = process.argv;
if (given === undefined) {
  process.stderr.write('usage: npm run pack -- FOLDER\n');
  process.exit(1);
}
// npm runs this script in the root of the repository, so resolve the folder from the directory of the caller.
const folder = resolve(process.env.INIT_CWD ?? '', given);
mkdirSync(folder, { recursive: true });

const packages = readdirSync(join(repository, 'packages'))
  .map((name) => join(repository, 'packages', name))
  .filter((path) => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')).private !== true);
// Remove the settings that the outer npm has added to the environment.
const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^INIT_CWD$/i.test(name));
execFileSync(
  'npm',
  ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder, ...packages],
  {
    cwd: repository,
    env: { ...Object.fromEntries(inherited), npm_config_update_notifier: 'false' },
    stdio: ['ignore', 'ignore', 'inherit'],
  },
);
process.stdout.write(`To install them in a project: npm install ${folder}/*.tgz\n`);
