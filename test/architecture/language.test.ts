import { expect, test } from 'vitest';
import { isTest, listFiles, readText } from './repository.ts';

/**
 * Phrases that hide the subject of a sentence or are archaic. The table of CONTRIBUTING.md has the terms to use.
 * A space stands for any white space, so that a line break in a comment hides no phrase.
 */
const forbidden: readonly string[] = [
  'nobody',
  'somebody',
  'everybody',
  'whoever',
  'for ever',
  'anew',
  'thereby',
  '(?:is|are|was|were) told',
  '(?:takes?|took|taking) leave',
  'of before',
  'falls? to',
  'look(?:s|ed)? after',
  'stands? in for',
  'stand-in',
  'is had',
  'lets? go of',
  'signs? of life',
  'behind its name',
];

/** Longest title of a test, in characters. */
const MAX_TITLE_LENGTH = 80;

/** Sources, documents, examples and tests; not the files of the license or what a tool writes. */
const covered = listFiles(
  /^(?:packages\/[^/]+\/(?:src\/|README)|examples\/|apps\/|docs\/|test\/|benchmark\/|recipes\/|scripts\/|[^/]+\.md$)/,
).filter((path) => /\.(?:ts|tsx|mjs|md|sh|html|css|ya?ml)$/.test(path));

/** Files that may contain forbidden phrases, with the reason. */
const exempt: Readonly<Record<string, string>> = {
  'packages/testing/src/start-postgres.ts': 'names the Unix user nobody',
  'test/architecture/language.test.ts': 'lists them',
};

const checked = covered.filter((path) => exempt[path] === undefined);

const phrase = new RegExp(`\\b(?:${forbidden.join('|').replaceAll(' ', '[\\s*/]+')})\\b`, 'gi');

/** Every forbidden phrase of a text, as `line: phrase`. */
function findPhrases(text: string): string[] {
  return [...text.matchAll(phrase)].map(({ 0: found, index }) => {
    const line = text.slice(0, index).split('\n').length;
    return `${line}: ${found.replace(/[\s*/]+/g, ' ')}`;
  });
}

/** The titles of `test`, `it` and their `each`. */
function titlesIn(text: string): string[] {
  const call = /(?:^|\s)(?:test|it)(?:\.\w+)*\(\s*(['"`])((?:(?!\1)[^\\]|\\.)*)\1,/g;
  const each =
    /^(?:\s*[\])}]+\)|\s*(?:test|it)\.each\(.*\))\(\s*(['"`])((?:(?!\1)[^\\]|\\.)*)\1,/gm;
  return [call, each].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[2] ?? ''),
  );
}

test('documents, comments and names: have no forbidden phrase', () => {
  const found = checked.flatMap((path) =>
    findPhrases(readText(path)).map((where) => `${path}:${where}`),
  );
  expect(found).toEqual([]);
});

test('titles of tests: have at most 80 characters', () => {
  const found = checked
    .filter(isTest)
    .flatMap((path) => titlesIn(readText(path)).map((title) => ({ path, title })))
    .filter(({ title }) => title.length > MAX_TITLE_LENGTH)
    .map(({ path, title }) => `${path}: ${title.length} characters: ${title}`);
  expect(found).toEqual([]);
});

test.each([
  ['// Nobody reads it.\n', ['1: Nobody']],
  ['/**\n * The worker is\n * told anew.\n */', ['2: is told', '3: anew']],
  ['The master takes leave,\nfor\never.', ['1: takes leave', '2: for ever']],
  ['renewal, foldable, everybodyElse', []],
])('forbidden phrases in %j would be found', (text, expected) => {
  expect(findPhrases(text)).toEqual(expected);
});

test('titles of every form would be found', () => {
  const text = [
    "test('one', () => {});",
    "test(\n  'two',\n  async () => {},\n);",
    "test.each([1, 2])('three', () => {});",
    "test.each([\n  [1],\n])('four', () => {});",
    "  it.each(rows)(\n    'five, it\\'s', () => {});",
    'test(`six`, () => {});',
  ].join('\n');
  expect(titlesIn(text).sort()).toEqual(["five, it\\'s", 'four', 'one', 'six', 'three', 'two']);
});
