import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { listFiles, packages, readText } from './repository.ts';

/** The sections of Keep a Changelog, in its order. */
const sections = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];

const changesets = listFiles(/^\.changeset\/.+\.md$/);
const names = packages.map(({ manifest }) => manifest.name);

/** One change that users notice. */
interface Changeset {
  readonly bumps: readonly { readonly name: string; readonly bump: string }[];
  readonly section: string;
  readonly text: string;
}

/** Reads a changeset; `undefined` when its form is wrong. */
function parseChangeset(file: string): Changeset | undefined {
  const [, header = '', section = '', text = ''] =
    /^---\n([\s\S]*?)\n---\n\n(\w+): (.+(?:\n.+)*)\n$/.exec(file) ?? [];
  const lines = header.split('\n').map((line) => /^"(.+)": (\w+)$/.exec(line));
  const bumps = lines.flatMap((line) =>
    line === null ? [] : [{ name: line[1] ?? '', bump: line[2] ?? '' }],
  );
  if (bumps.length === 0 || bumps.length !== lines.length || !sections.includes(section)) {
    return undefined;
  }
  const isKnown = bumps.every(
    ({ name, bump }) => names.includes(name) && ['major', 'minor', 'patch'].includes(bump),
  );
  return isKnown ? { bumps, section, text } : undefined;
}

/** The entries of the changesets by section, as they stand in CHANGELOG.md. */
function formatUnreleased(entries: readonly Changeset[]): string {
  const parts = sections.flatMap((section) => {
    const texts = entries
      .filter((entry) => entry.section === section)
      .map(({ text }) => `- ${capitalize(text).replaceAll('\n', '\n  ')}\n`);
    return texts.length === 0 ? [] : [`### ${section}\n\n${texts.join('')}`];
  });
  return parts.join('\n');
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** CHANGELOG.md with these entries in its section Unreleased. */
function updateChangelog(changelog: string, entries: readonly Changeset[]): string {
  const heading = '## Unreleased\n\n';
  const [before = '', after = ''] = changelog.split(heading);
  const next = after.search(/^## /m);
  const unreleased = formatUnreleased(entries);
  const rest = next < 0 ? '' : `${unreleased === '' ? '' : '\n'}${after.slice(next)}`;
  return `${before}${heading}${unreleased}${rest}`;
}

test.each(changesets)('%s: names known packages and begins with a section', (path) => {
  expect(parseChangeset(readText(path))).toBeDefined();
});

test('CHANGELOG.md: has the text of every changeset under Unreleased', async () => {
  const entries = changesets.flatMap((path) => parseChangeset(readText(path)) ?? []);
  const path = fileURLToPath(new URL('../../CHANGELOG.md', import.meta.url));
  await expect(updateChangelog(readText('CHANGELOG.md'), entries)).toMatchFileSnapshot(path);
});

test.each([
  ['an unknown package', '---\n"no-such": minor\n---\n\nAdded: a.\n'],
  ['an unknown bump', '---\n"gatewayworker": large\n---\n\nAdded: a.\n'],
  ['an unknown section', '---\n"gatewayworker": minor\n---\n\nImproved: a.\n'],
  ['no package', '---\n\n---\n\nAdded: a.\n'],
  ['no text', '---\n"gatewayworker": minor\n---\n'],
])('changesets: %s is refused', (_name, file) => {
  expect(parseChangeset(file)).toBeUndefined();
});

test('changesets: fill the section Unreleased and leave releases alone', () => {
  const entry = parseChangeset('---\n"gatewayworker": patch\n---\n\nFixed: one\nthing.\n');
  const changelog = '# Changelog\n\n## Unreleased\n\nold\n\n## 0.1.0\n\n- first\n';
  expect(updateChangelog(changelog, entry === undefined ? [] : [entry])).toBe(
    '# Changelog\n\n## Unreleased\n\n### Fixed\n\n- One\n  thing.\n\n## 0.1.0\n\n- first\n',
  );
});
