import { dirname, join } from 'node:path/posix';
import { describe, expect, test } from 'vitest';
import { files, isPresent, listSources, packages, readText } from './repository.ts';

const named = ['ARCHITECTURE.md', 'README.md', 'CONTRIBUTING.md', 'docs/code-map.md'];
const topFolders = [...new Set(files.filter((path) => path.includes('/')).map(firstFolder))];
const markdown = files.filter((path) => path.endsWith('.md') && !path.startsWith('.changeset/'));

function firstFolder(path: string): string {
  return path.split('/')[0] ?? '';
}

/** Paths that begin with a folder at the root; `*` and `<name>` stand for any name. */
function pathsIn(text: string): string[] {
  const start = topFolders.map((folder) => folder.replaceAll('.', '\\.')).join('|');
  const pattern = new RegExp(`(?<![\\w./:@-])(?:${start})/[\\w./*<>-]*`, 'g');
  return [...text.matchAll(pattern)].map(([path]) => path.replace(/[.]+$/, ''));
}

/** File names in backticks that have no folder, such as \`frame.ts\`. */
function fileNamesIn(text: string): string[] {
  return [...text.matchAll(/`([\w.*-]+\.(?:ts|mjs|json|md|yml))`/g)].map((match) => match[1] ?? '');
}

/** Targets of links within the repository, relative to the document. */
function linksIn(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => (match[1] ?? '').replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));
}

/** Links to a heading, as the path of the document and the anchor. */
function anchorsIn(document: string, text: string): [target: string, anchor: string][] {
  return [...text.matchAll(/\]\(([^)\s#:]*)#([^)\s]+)\)/g)].map(([, path = '', anchor = '']) => [
    path === '' ? document : join(dirname(document), path),
    anchor,
  ]);
}

/** The anchors of the headings of a document, as GitHub makes them. */
function headingsIn(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Names of code in backticks, such as \`handleAck\`; no paths, no flags. */
function identifiersIn(text: string): string[] {
  return [...text.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? '');
}

function matchesPath(path: string): boolean {
  if (!/[*<]/.test(path)) return isPresent(path);
  const source = path
    .replace(/\/$/, '')
    .replaceAll('.', '\\.')
    .replaceAll('**/', '(?:.+/)?')
    .replace(/\*|<[\w-]+>/g, '[^/]+');
  const pattern = new RegExp(`^${source}(?:/|$)`);
  return files.some((file) => pattern.test(file));
}

describe.each(named)('%s', (document) => {
  test('exists', () => {
    expect(isPresent(document)).toBe(true);
  });

  test('names only paths that exist', () => {
    expect(pathsIn(readText(document)).filter((path) => !matchesPath(path))).toEqual([]);
  });
});

test.each(['ARCHITECTURE.md', 'CONTRIBUTING.md'])('%s: names only files that exist', (document) => {
  const missing = fileNamesIn(readText(document)).filter(
    (name) => !files.some((path) => path === name || path.endsWith(`/${name}`)),
  );
  expect(missing).toEqual([]);
});

test('ARCHITECTURE.md: the life of a process names at most ten files', () => {
  const [, section = ''] = readText('ARCHITECTURE.md').split('## The life of a process\n');
  const paths = pathsIn(section.split('\n## ')[0] ?? '');
  expect(paths).toContain('packages/supervisor/src/master/supervisor.ts');
  expect(new Set(paths).size).toBeLessThanOrEqual(10);
});

test('docs/code-map.md: has a section for every package', () => {
  const sections = [...readText('docs/code-map.md').matchAll(/^## packages\/(.+)$/gm)];
  expect(sections.map((match) => match[1]).sort()).toEqual(
    packages.map(({ folder }) => folder).sort(),
  );
});

test('docs/code-map.md: names every source file', () => {
  const named = new Set(pathsIn(readText('docs/code-map.md')));
  const missing = listSources().filter((path) => !named.has(path) && !path.endsWith('/index.ts'));
  expect(missing).toEqual([]);
});

test('ARCHITECTURE.md: names only identifiers that a source contains', () => {
  const sources = listSources().map(readText).join('\n');
  const words = new Set(sources.match(/\w+/g));
  expect(identifiersIn(readText('ARCHITECTURE.md')).filter((name) => !words.has(name))).toEqual([]);
});

/** Log messages that a text quotes after `log` or `log line`; `…` stands for variable parts. */
function logMessagesIn(text: string): string[] {
  return [...text.matchAll(/\blogs?(?: line| has)?\s`([^`]+)`/gi)].map((match) => match[1] ?? '');
}

test('documents: quote only log messages that a source contains', () => {
  const sources = listSources().map(readText).join('\n');
  const messages = markdown
    .filter((path) => path.startsWith('docs/'))
    .flatMap((path) => logMessagesIn(readText(path)));
  expect(messages.length).toBeGreaterThan(5);
  const parts = messages.flatMap((message) => message.split('…').map((part) => part.trim()));
  expect(parts.filter((part) => !sources.includes(part))).toEqual([]);
});

test('documents: name only counters that a source contains', () => {
  const words = new Set(listSources().map(readText).join('\n').match(/\w+/g));
  const counters = markdown
    .filter((path) => path.startsWith('docs/'))
    .flatMap((path) => [...readText(path).matchAll(/`(?:limits|tables)\.(\w+)`/g)]);
  expect(counters.length).toBeGreaterThan(10);
  expect(counters.filter(([, name = '']) => !words.has(name)).map(([code]) => code)).toEqual([]);
});

test('links to headings: lead to a heading', () => {
  const broken = markdown.flatMap((document) =>
    anchorsIn(document, readText(document))
      .filter(([target]) => target.endsWith('.md') && isPresent(target))
      .filter(([target, anchor]) => !headingsIn(readText(target)).includes(anchor))
      .map(([target, anchor]) => `${document} links to ${target}#${anchor}`),
  );
  expect(broken).toEqual([]);
});

test.each([
  ['## What `false` says', 'what-false-says'],
  ['### Tests that need more than Node.js', 'tests-that-need-more-than-nodejs'],
])('headings: %s has the anchor %s', (heading, anchor) => {
  expect(headingsIn(`${heading}\n`)).toEqual([anchor]);
});

test('links of documents: lead to a file', () => {
  const broken = markdown.flatMap((document) =>
    linksIn(readText(document))
      .filter((target) => !isPresent(join(dirname(document), target)))
      .map((target) => `${document} links to ${target}`),
  );
  expect(broken).toEqual([]);
});

test('paths: finds one that does not exist', () => {
  const text = 'See `packages/core/src/no-such-file.ts`, packages/<name>/src/index.ts and test/*.';
  expect(pathsIn(text).filter((path) => !matchesPath(path))).toEqual([
    'packages/core/src/no-such-file.ts',
  ]);
});
