import { describe, expect, test } from 'vitest';
import { isPresent, packages, readText, withoutComments } from './repository.ts';

const snapshot = 'test/architecture/public-names.md';

/** Names that an index.ts makes public; types are marked as such. */
function publicNames(text: string): string[] {
  return [...text.matchAll(/^export (type )?\{([^}]*)\} from '[^']+';$/gm)].flatMap((match) =>
    (match[2] ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map((part) => {
        const isType = match[1] !== undefined || part.startsWith('type ');
        const name = part.replace(/^type /, '').replace(/^.* as /, '');
        return isType ? `type ${name}` : name;
      }),
  );
}

/** What is left of an index.ts once its named re-exports are taken away. */
function otherStatements(text: string): string {
  return withoutComments(text)
    .replace(/^export (?:type )?\{[^}]*\} from '[^']+';$/gm, '')
    .trim();
}

/** The reviewed list of a package: the bullets under its heading. */
function reviewedNames(packageName: string): string[] {
  const sections = readText(snapshot).split(/^## /m);
  const section = sections.find((text) => text.startsWith(`\`${packageName}\`\n`)) ?? '';
  return [...section.matchAll(/^- `([^`]+)`$/gm)].map((match) => match[1] ?? '');
}

function byName(a: string, b: string): number {
  return a.replace(/^type /, '') < b.replace(/^type /, '') ? -1 : 1;
}

describe.each(packages)('package $folder', ({ folder, manifest }) => {
  const index = `packages/${folder}/src/index.ts`;

  test('makes public the names that were reviewed, and no other', () => {
    // A change of this list is a change of what users can rely on: edit public-names.md by hand.
    expect(publicNames(readText(index)).sort(byName)).toEqual(reviewedNames(manifest.name));
  });

  test('has nothing but named re-exports in its index', () => {
    expect(otherStatements(readText(index))).toBe('');
  });

  test('exports only its index: the source in the repository, dist when installed', () => {
    expect(manifest.exports).toEqual({
      '.': {
        '@gatewayworker/source': './src/index.ts',
        types: './dist/index.d.ts',
        // Says on old versions of Node.js which one is needed.
        ...(folder === 'gatewayworker' && { require: './index.cjs' }),
        default: './dist/index.js',
      },
      // Test doubles are not a part of what pages load.
      ...(folder === 'sdk' && {
        './testing': {
          '@gatewayworker/source': './src/testing.ts',
          types: './dist/testing.d.ts',
          default: './dist/testing.js',
        },
      }),
    });
    expect(isPresent(index)).toBe(true);
  });
});

test('the reviewed list has a section for every package, and no other', () => {
  const sections = [...readText(snapshot).matchAll(/^## `([^`]+)`$/gm)].map((match) => match[1]);
  expect(sections.sort()).toEqual(packages.map((entry) => entry.manifest.name).sort());
});

test('an export that is not a named re-export would be found', () => {
  const text = "export { a } from './a.ts';\nexport * from './b.ts';\nexport default 1;";
  expect(otherStatements(text)).toBe("export * from './b.ts';\nexport default 1;");
});
