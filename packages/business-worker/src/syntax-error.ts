import { execFile } from 'node:child_process';

/** Time that Node.js has to parse a module and what it imports, in milliseconds. */
const PARSE_TIMEOUT_MS = 5000;

/** Parses a module and the files that it imports, and runs none of them: Node.js prints where it fails. */
const parser = `
import { readFile } from 'node:fs/promises';
import { SourceTextModule } from 'node:vm';
const seen = new Set();
async function parse(url) {
  if (seen.has(url) || !/\\.m?js$/.test(new URL(url).pathname)) return;
  seen.add(url);
  const module = new SourceTextModule(await readFile(new URL(url), 'utf8'), { identifier: url });
  const specifiers = module.moduleRequests?.map((one) => one.specifier) ?? module.dependencySpecifiers;
  for (const one of specifiers) if (/^(\\.|\\/|file:)/.test(one)) await parse(new URL(one, url).href);
}
await parse(process.argv[1]);
`;

/**
 * Says where a syntax error is: a line with file and line number, the source line and, where Node.js tells the
 * column, a caret below it.
 *
 * @param url - `file:` URL of the module whose import failed
 * @returns `undefined` when the place is not found
 */
export async function locateSyntaxError(
  url: string,
  error: SyntaxError,
): Promise<string | undefined> {
  return (
    placeIn(error.stack ?? '', error.message) ?? placeIn(await parseElsewhere(url), error.message)
  );
}

/** What Node.js writes in front of a syntax error: `file:line`, the source line, a caret. */
function placeIn(text: string, message: string): string | undefined {
  const [place = '', rest = ''] = text.split(/^SyntaxError\b/m);
  if (!rest.includes(message)) return undefined;
  return /^\S.*:\d+\n/.test(place) ? place.trimEnd() : undefined;
}

/** Of a syntax error in an ES module Node.js tells the place to a process that it ends, and to no other. */
function parseElsewhere(url: string): Promise<string> {
  const flags = ['--no-warnings', '--experimental-vm-modules', '--input-type=module'];
  return new Promise((resolve) => {
    const args = [...flags, '--eval', parser, url];
    execFile(process.execPath, args, { timeout: PARSE_TIMEOUT_MS }, (_error, _stdout, stderr) => {
      resolve(stderr);
    });
  });
}
