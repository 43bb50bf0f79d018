import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '@gatewayworker/testing';

/** What npm would publish, as files in a folder. */
export interface PackedPackages {
  /** Tarballs of the packages of this repository. */
  readonly own: readonly string[];
  /** Folders of what they depend on, for `npm install --install-links`. */
  readonly others: readonly string[];
  /** Removes the folder. */
  dispose(): Promise<void>;
}

interface Manifest {
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Packs every published package, and finds all that they depend on, so that they can be installed offline. */
export async function packPackages(): Promise<PackedPackages> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewayworker-packed-'));
  const own: string[] = [];
  for (const name of await readdir(join(repositoryRoot, 'packages'))) {
    const path = join(repositoryRoot, 'packages', name);
    if ((await readManifest(path)).private !== true) own.push(path);
  }
  return {
    own: await packOwn(join(folder, 'own')),
    others: await findDependencies(own),
    dispose: () => rm(folder, { recursive: true }),
  };
}

/** Runs npm to its end and resolves with what it printed. */
export async function npm(args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', args, { cwd, env: npmEnvironment() });
  return stdout;
}

/** The environment of this process without the variables that an `npm test` around it has set. */
export function npmEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^INIT_CWD$/i.test(name));
  return { ...Object.fromEntries(inherited), npm_config_update_notifier: 'false' };
}

/** As `npm run pack` does it; the test run has built the packages. */
async function packOwn(destination: string): Promise<string[]> {
  const script = join(repositoryRoot, 'scripts/pack.mjs');
  await promisify(execFile)(process.execPath, [script, destination]);
  return await listFiles(destination);
}

async function listFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).map((file) => join(folder, file));
}

/** Folders of the external dependencies of these packages, without optional ones. */
async function findDependencies(own: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    for (const name of Object.keys((await readManifest(path)).dependencies ?? {})) {
      const dependency = realpathSync(locate(name, path));
      if (found.has(dependency) || own.some((one) => realpathSync(one) === dependency)) continue;
      found.add(dependency);
      await visit(dependency);
    }
  };
  for (const path of own) await visit(path);
  return [...found];
}

function locate(name: string, from: string): string {
  const path = join(from, 'node_modules', name);
  if (existsSync(path)) return path;
  if (dirname(from) === from) throw new Error(`${name} is not installed`);
  return locate(name, dirname(from));
}

async function readManifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(path, 'package.json'), 'utf8'));
}
