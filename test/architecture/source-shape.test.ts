import { describe, expect, test } from 'vitest';
import {
  isPresent,
  isTest,
  listFiles,
  listSources,
  packages,
  readText,
  withoutComments,
} from './repository.ts';

const typescript = listFiles(
  /^(?:packages|examples|apps|recipes|benchmark|test|scripts)\/.*\.ts$|^start\.ts$/,
);

/** Every line of code that matches, as `path:line: text`. */
function findLines(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    withoutComments(readText(path))
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
      ),
  );
}

function lineCount(path: string): number {
  return readText(path).split('\n').length - 1;
}

describe.each(packages)('package $folder', ({ folder }) => {
  test.each(['README.md', 'src/index.ts', 'package.json', 'tsconfig.json'])('has %s', (name) => {
    expect(isPresent(`packages/${folder}/${name}`)).toBe(true);
  });

  test('fits its README on one screen', () => {
    expect(lineCount(`packages/${folder}/README.md`)).toBeLessThanOrEqual(50);
  });
});

test('no source has more than 400 lines, no test more than 800', () => {
  const tooLong = typescript.filter((path) => lineCount(path) > (isTest(path) ? 800 : 400));
  expect(tooLong.map((path) => `${path}: ${lineCount(path)} lines`)).toEqual([]);
});

test('no code casts to any or through unknown', () => {
  expect(findLines(typescript, /\bas\s(?:any|unknown\sas)\b|<\s?any>|:\sany\b(?! \w)/)).toEqual([]);
});

test('no code silences the compiler', () => {
  expect(findLines(typescript, /@ts-(?:ignore|nocheck|expect-error)/)).toEqual([]);
});

test('no package but gatewayworker reads the environment', () => {
  // testing is private and hands its environment on to the processes that it starts.
  const readers = /^packages\/(?:gatewayworker|testing)\//;
  const sources = listSources().filter((path) => !readers.test(path));
  expect(findLines(sources, /\bprocess\.env\b|\benv\b.*from 'node:process'/)).toEqual([]);
});

test('private state is #field, never _field', () => {
  expect(findLines(typescript, /\bthis\._\w|^\s*(?:private|protected) (?!constructor\b)/)).toEqual(
    [],
  );
});

/** Comparisons by content whose time tells where two texts first differ; that of lengths tells nothing of them. */
const plainComparison =
  /\.(?:equals|compare|localeCompare|startsWith|endsWith|includes|indexOf)\(|Buffer\.compare|(?<!(?:byteLength|length|typeof \w+) )[=!]==(?! (?:undefined|null|'string'|'number'))/;

test('what is made of a secret is compared in constant time', () => {
  const authentication = 'packages/core/src/authentication.ts';
  expect(findLines([authentication], plainComparison)).toEqual([]);
  const text = withoutComments(readText(authentication));
  expect(text).toMatch(/import \{[^}]*\btimingSafeEqual\b[^}]*\} from 'node:crypto'/);
  const compared =
    /return proof\.byteLength === expected\.byteLength && timingSafeEqual\(proof, expected\);/;
  expect(text).toMatch(compared);
  // No other code may read a proof: it is passed to the function that compares it.
  const comparisons = findLines(listSources('core'), plainComparison);
  expect(comparisons.filter((line) => /\bproofs?\b/i.test(line))).toEqual([]);
});

test('a comparison that is not in constant time would be found', () => {
  const found = [
    'return proof === expected;',
    'return expected.equals(proof);',
    "return toHex(proof) === expected.toString('hex');",
    'return Buffer.compare(proof, expected) === 0;',
    'proof.every((byte, index) => byte !== expected[index])',
  ];
  for (const line of found) expect(line).toMatch(plainComparison);
  for (const line of [
    'a.byteLength === b.byteLength',
    "typeof key === 'string'",
    'key === undefined',
  ]) {
    expect(line).not.toMatch(plainComparison);
  }
});

/** Bodies of the catch blocks of a module; Biome's indentation tells where each one ends. */
function catchBodies(text: string): string[] {
  return [...text.matchAll(/^( *)\} catch(?: \(\w+\))? \{\n([\s\S]*?)^\1\}/gm)].map(
    (match) => match[2] ?? '',
  );
}

test('an error that is thrown for another one keeps it as its cause', () => {
  // Biome's useErrorCause looks at the second argument; GatewayWorkerError takes its cause in the third.
  // An OptionError speaks of a value that the caller has in hand: it needs none.
  const thrown = /\bthrow new (?!OptionError\b)\w+\(/;
  const wrong = listSources().flatMap((path) =>
    catchBodies(readText(path))
      .filter((body) => thrown.test(body) && !/\bcause\b/.test(body))
      .map((body) => `${path}: ${body.trim()}`),
  );
  expect(wrong).toEqual([]);
});

test('a lost cause would be found', () => {
  const text = 'try {\n  a();\n} catch (error) {\n  throw new Error(`b`);\n}\n';
  expect(catchBodies(text)).toEqual(['  throw new Error(`b`);\n']);
});

test('no test is skipped or focused', () => {
  const tests = typescript.filter(isTest);
  expect(findLines(tests, /\b(?:test|it|describe|suite)\.(?:skip|only|todo|fails)\b/)).toEqual([]);
});
