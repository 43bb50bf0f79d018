import { execFile } from 'node:child_process';

/** Time for Node.js to parse a module and its imports, in milliseconds. */
const PARSE_TIMEOUT_MS = 5000;

/** Script that parses a module and its imports without running them. On a syntax error, Node.js prints its location. */
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
 * Finds the location of a syntax error: a line with file and line number, the source line and, if Node.js reports the
 * column, a caret below it.
 *
 * @param url - `file:` URL of the module whose import failed
 * @returns `undefined` when the location is not found
 */
export async function locateSyntaxError(
  url: string,
  error: SyntaxError,
): Promise<string | undefined> {
  return (
    findPlace(error.stack ?? '', error.message) ?? findPlace(await parseInChild(url), error.message)
  );
}

/** Extracts the text that Node.js prints before a syntax error: `file:line`, the source line, a caret. */
function findPlace(text: string, message: string): string | undefined {
  const [place = '', rest = ''] = text.split(/^SyntaxError\b/m);
  if (!rest.includes(message)) return undefined;
  return /^\S.*:\d+\n/.test(place) ? place.trimEnd() : undefined;
}

/** Parses in a child process: Node.js prints the location of a syntax error in an ES module only when it exits. */
function parseInChild(url: string): Promise<string> {
  const flags = ['--no-warnings', '--experimental-vm-modules', '--input-type=module'];
  return new Promise((resolve) => {
    const args = [...flags, '--eval', parser, url];
    execFile(process.execPath, args, { timeout: PARSE_TIMEOUT_MS }, (_error, _stdout, stderr) => {
      resolve(stderr);
    });
  });
}
