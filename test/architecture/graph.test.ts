import { dirname, join } from 'node:path/posix';
import { describe, expect, test } from 'vitest';
import {
  folderOfSpecifier,
  importsOf,
  isPresent,
  isTest,
  listFiles,
  listSources,
  type Package,
  packages,
  parseImports,
  readText,
  withoutComments,
  workspaceNames,
} from './repository.ts';

const roles = ['register', 'gateway', 'business-worker'];

/** The packages that each package may import: the direction drawn in ARCHITECTURE.md. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  'client-protocol': [],
  sdk: ['client-protocol'],
  core: ['protocol'],
  discovery: ['core', 'protocol'],
  register: ['core', 'protocol'],
  gateway: ['client-protocol', 'core', 'discovery', 'protocol'],
  'gateway-client': ['core', 'discovery', 'protocol'],
  supervisor: ['core', 'protocol'],
  'business-worker': ['gateway-client', 'core', 'discovery', 'protocol'],
  gatewayworker: [...roles, 'gateway-client', 'core', 'discovery', 'protocol', 'supervisor'],
  testing: [...roles, 'gateway-client', 'core', 'protocol', 'supervisor'],
};

/** The folders that each folder of the supervisor may import: the table in its README.md. */
const allowedInSupervisor: Readonly<Record<string, readonly string[]>> = {
  control: [],
  report: ['control'],
  processes: ['report', 'control'],
  child: ['processes', 'report', 'control'],
  master: ['processes', 'report', 'control'],
};

const folders = packages.map((entry) => entry.folder);

/** Imports of workspace packages as lines that name the file and the package. */
function crossings(paths: readonly string[], mayImport: (folder: string) => boolean): string[] {
  return paths.flatMap((path) =>
    importsOf(path)
      .map((specifier) => folderOfSpecifier(specifier))
      .filter((folder) => folder !== undefined && !mayImport(folder))
      .map((folder) => `${path} imports ${folder}`),
  );
}

/** Follows the edges from each node and answers the first cycle, its first node repeated at the end. */
function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next, [...path, node]);
      if (cycle !== undefined) return cycle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const cycle = visit(node, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Packages of the workspace that a package needs: `scripts/bundle.mjs` makes its devDependencies a part of it. */
function declaredIn({ dependencies, devDependencies }: Package['manifest']): string[] {
  return workspaceNames({ ...dependencies, ...devDependencies });
}

test('the table of allowed imports names every package', () => {
  expect(Object.keys(allowed).sort()).toEqual([...folders].sort());
});

describe.each(packages)('package $folder', ({ folder, manifest }) => {
  const mayImport = (other: string) => allowed[folder]?.includes(other) ?? false;

  test('declares only packages below it', () => {
    const declared = declaredIn(manifest);
    const wrong = declared.filter((name) => !mayImport(folderOfSpecifier(name) ?? ''));
    expect(wrong).toEqual([]);
  });

  test('imports only packages below it', () => {
    expect(crossings(listSources(folder), mayImport)).toEqual([]);
  });

  test('imports only packages below it and testing in its tests', () => {
    const tests = listFiles(new RegExp(`^packages/${folder}/src/.*\\.test\\.ts$`));
    expect(crossings(tests, (other) => mayImport(other) || other === 'testing')).toEqual([]);
  });

  test('declares every workspace package that it imports, and no other', () => {
    const imported = listSources(folder).flatMap((path) =>
      importsOf(path).map((specifier) => folderOfSpecifier(specifier)),
    );
    const declared = declaredIn(manifest).map(folderOfSpecifier);
    expect([...new Set(imported)].filter((name) => name !== undefined).sort()).toEqual(
      declared.sort(),
    );
  });

  test('is built after exactly the packages that it declares', () => {
    const tsconfig = readText(`packages/${folder}/tsconfig.json`);
    const references = [...tsconfig.matchAll(/"path": "\.\.\/([^"]+)"/g)].map((match) => match[1]);
    const declared = declaredIn(manifest).map(folderOfSpecifier);
    expect(references.sort()).toEqual(declared.sort());
  });

  test('is built by the root tsconfig', () => {
    expect(readText('tsconfig.json')).toContain(`"packages/${folder}"`);
  });
});

/** Files of the same package that a file loads. Imports of types only are left out: nothing loads them. */
function loadedFiles(path: string, text: string): string[] {
  const withoutTypes = text.replace(/^(?:import|export) type\b[^;]*;$/gm, '');
  return parseImports(withoutTypes)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => join(dirname(path), specifier));
}

test.each(packages)('package $folder: no file loads itself through other files', ({ folder }) => {
  const paths = listSources(folder);
  expect(paths).not.toEqual([]);
  const edges = new Map(paths.map((path) => [path, loadedFiles(path, readText(path))]));
  expect(findCycle(edges)).toBeUndefined();
});

test('loaded files: imports of types only are left out', () => {
  const text = [
    "import { a,\n  type B } from './one.ts';",
    "import { type C } from '../two.ts';",
    "import type {\n  D,\n} from './three.ts';",
    "export type { E } from './four.ts';",
    "export { f } from './five.ts';",
    "import fc from 'fast-check';",
  ].join('\n');
  expect(loadedFiles('src/sub/file.ts', text).sort()).toEqual([
    'src/sub/five.ts',
    'src/sub/one.ts',
    'src/two.ts',
  ]);
});

test('no package reaches itself through its imports', () => {
  const edges = new Map(
    folders.map((folder) => [
      folder,
      listSources(folder)
        .flatMap((path) => importsOf(path).map((specifier) => folderOfSpecifier(specifier)))
        .filter((other) => other !== undefined),
    ]),
  );
  expect(findCycle(edges)).toBeUndefined();
});

test('a cycle between packages would be found', () => {
  const edges = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['b']],
  ]);
  expect(findCycle(edges)).toEqual(['b', 'c', 'b']);
});

test('imports are found in every form', () => {
  const text = [
    "import 'one';",
    "import { a,\n  type B } from 'two';",
    "export { c } from 'three';",
    "export type { D } from 'four';",
    "const e = await import('five');",
    " * import { f } from 'a comment';",
  ].join('\n');
  expect(parseImports(text).sort()).toEqual(['five', 'four', 'one', 'three', 'two']);
});

test('roles share messages and no code', () => {
  const wrong = roles.flatMap((folder) =>
    crossings(listSources(folder), (other) => !roles.includes(other) && other !== 'supervisor'),
  );
  expect(wrong).toEqual([]);
});

test('supervisor: each folder imports only folders below it', () => {
  const folderOf = (path: string) => /^packages\/supervisor\/src\/(\w+)\//.exec(path)?.[1];
  const wrong = listSources('supervisor').flatMap((path) => {
    const from = folderOf(path);
    if (from === undefined) return [];
    const targets = importsOf(path).map((specifier) => folderOf(join(dirname(path), specifier)));
    return targets
      .filter((to) => to !== undefined && to !== from && !allowedInSupervisor[from]?.includes(to))
      .map((to) => `${path} imports ${to}`);
  });
  expect(wrong).toEqual([]);
});

test('nothing imports an inner file of another package', () => {
  const paths = listFiles(/^(?:(?:packages|test|examples|apps|benchmark)\/.*|start)\.ts$/);
  const wrong = paths.flatMap((path) =>
    importsOf(path)
      .filter((specifier) => isInnerImport(path, specifier))
      .map((specifier) => `${path} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

function isInnerImport(path: string, specifier: string): boolean {
  if (specifier.startsWith('.')) {
    const target = join(dirname(path), specifier);
    const home = target.split('/').slice(0, 2).join('/');
    return target.startsWith('packages/') && !path.startsWith(`${home}/`);
  }
  const target = packages.find((entry) => entry.folder === folderOfSpecifier(specifier));
  if (target === undefined) return false;
  const subpath = `.${specifier.slice(target.manifest.name.length)}`;
  return !Object.keys(target.manifest.exports ?? {}).includes(subpath);
}

test('applications import nothing but gatewayworker of the workspace', () => {
  const paths = listFiles(/^(?:(?:examples|apps)\/.*|start)\.ts$/).filter(
    (path) => !isTest(path) && !/^apps\/[^/]+\/test\//.test(path),
  );
  expect(crossings(paths, (folder) => folder === 'gatewayworker')).toEqual([]);
});

describe('package protocol is pure', () => {
  const sources = listSources('protocol');
  const impure =
    /^(?:node:)?(?:net|tls|dgram|dns|http|https|http2|fs|timers|child_process|cluster|process|worker_threads|os|readline|repl)(?:\/|$)/;
  const ambient =
    /\b(?:process\.|console\.|setTimeout\(|setInterval\(|setImmediate\(|queueMicrotask\(|fetch\(|Date\.now\(|new WebSocket\()/;

  test('imports neither I/O nor a logger', () => {
    const wrong = sources.flatMap((path) =>
      importsOf(path)
        .filter((specifier) => impure.test(specifier) || specifier.startsWith('pino'))
        .map((specifier) => `${path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test('uses no clock, timer, process or console', () => {
    expect(sources.filter((path) => ambient.test(withoutComments(readText(path))))).toEqual([]);
  });

  test('has something to check', () => {
    expect(sources).not.toEqual([]);
    expect(isPresent('packages/protocol/src/index.ts')).toBe(true);
  });
});
