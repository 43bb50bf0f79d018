import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What the rules read of a package.json. */
interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
}

/** A package of the workspace. */
export interface Package {
  /** Name of its folder, such as `business-worker`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Tells whether a path, relative to the root of the repository, is there. */
export function isPresent(path: string): boolean {
  return existsSync(root + path);
}

/** Reads a file by its path relative to the root of the repository. */
export function readText(path: string): string {
  return readFileSync(root + path, 'utf8');
}

const skippedFolders = new Set(['node_modules', 'dist', 'coverage', '.tmp', '.git']);

/** Every file of the repository by its path relative to the root, sorted; nothing installed or built. */
export const files: readonly string[] = walk('').sort();

function walk(folder: string): string[] {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isFile()) return [folder + entry.name];
    return entry.isDirectory() && !skippedFolders.has(entry.name)
      ? walk(`${folder}${entry.name}/`)
      : [];
  });
}

/** Paths of the files that match. */
export function listFiles(pattern: RegExp): string[] {
  return files.filter((path) => pattern.test(path));
}

/** Source files of all packages or of one, without tests. */
export function listSources(folder = '[^/]+'): string[] {
  return listFiles(new RegExp(`^packages/${folder}/src/.*\\.ts$`)).filter((path) => !isTest(path));
}

/** Tells a test, or what tests share, from a source by its name. */
export function isTest(path: string): boolean {
  return /\.(?:test|fixture)\.ts$/.test(path);
}

/** Every package of `packages/`. */
export const packages: readonly Package[] = listFiles(/^packages\/[^/]+\/package\.json$/).map(
  (path) => ({
    folder: path.split('/')[1] ?? '',
    manifest: parseManifest(readText(path)),
  }),
);

/** Names of the packages of the workspace among the keys of a dependency table. */
export function workspaceNames(table: Readonly<Record<string, string>> = {}): string[] {
  return Object.keys(table).filter((name) => packageByName.has(name));
}

const packageByName = new Map(packages.map((entry) => [entry.manifest.name, entry]));

/** Folder of the package a specifier belongs to; undefined when it is none of the workspace. */
export function folderOfSpecifier(specifier: string): string | undefined {
  const length = specifier.startsWith('@') ? 2 : 1;
  return packageByName.get(specifier.split('/').slice(0, length).join('/'))?.folder;
}

/** Specifiers that a source imports or exports from, static and dynamic. */
export function importsOf(path: string): string[] {
  return parseImports(readText(path));
}

/** Specifiers in the text of a module; statements begin at the start of a line, as Biome writes them. */
export function parseImports(text: string): string[] {
  const fromClause = /^(?:import|export)\b[^;'"()=]*?\bfrom\s*['"]([^'"]+)['"]/gm;
  const bare = /^import\s*['"]([^'"]+)['"]/gm;
  const dynamic = /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g;
  return [fromClause, bare, dynamic].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[1] ?? ''),
  );
}

/** The text of a module without the lines that hold nothing but a comment. */
export function withoutComments(text: string): string {
  return text.replace(/^[ \t]*(?:\*|\/\*|\/\/).*$/gm, '');
}

/** Rows of a Markdown table whose first cell is a name in backticks; cells without outer spaces. */
export function parseTableRows(markdown: string): { name: string; cells: string[] }[] {
  return [...markdown.matchAll(/^\| `([^`]+)` \|(.*)\|$/gm)].map((match) => ({
    name: match[1] ?? '',
    cells: (match[2] ?? '').split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')),
  }));
}

function parseManifest(text: string): Manifest {
  return JSON.parse(text) as Manifest;
}
