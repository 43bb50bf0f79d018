import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { locateSyntaxError } from './syntax-error.ts';

/** Writes modules into one folder and returns their URLs. */
function write(files: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'gatewayworker-syntax-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return Object.entries(files).map(([name, source]) => {
    writeFileSync(join(folder, name), source);
    return pathToFileURL(join(folder, name)).href;
  });
}

/** A syntax error of an ES module, which has no location in its stack. */
function thrown(message: string): SyntaxError {
  const error = new SyntaxError(message);
  error.stack = `SyntaxError: ${message}\n    at compileSourceTextModule (node:internal)`;
  return error;
}

test('syntax error: has file, line and caret for the module itself', async () => {
  const [url = ''] = write({
    'events.mjs': 'export class Events {\n  onMessage() { let a = = 1; }\n}',
  });
  const place = await locateSyntaxError(url, thrown("Unexpected token '='"));
  expect(place).toBe(`${url}:2\n  onMessage() { let a = = 1; }\n                        ^`);
});

test('syntax error: is found in an imported file, and no code runs', async () => {
  const [url = '', , helper = ''] = write({
    'events.mjs': "import './first.mjs';\nimport 'node:fs';\nprocess.exit(7);",
    'first.mjs': "export * from './second.mjs';\nimport './first.mjs';\nprocess.exit(8);",
    'second.mjs': 'export const a = 1;\nconst b = = 2;\n',
  });
  const place = await locateSyntaxError(url, thrown("Unexpected token '='"));
  expect(place).toBe(`${helper}:2\nconst b = = 2;\n          ^`);
});

test('syntax error: uses the location in the stack', async () => {
  const error = new SyntaxError('Unexpected eof');
  error.stack = `file:///a/events.ts:3\nclass {\n\nSyntaxError [ERR_INVALID_TYPESCRIPT_SYNTAX]: Unexpected eof\n    at x`;
  expect(await locateSyntaxError('file:///a/events.ts', error)).toBe(
    'file:///a/events.ts:3\nclass {',
  );
});

test('syntax error: ignores an error with another message', async () => {
  const [url = ''] = write({ 'events.mjs': 'const a = = 1;' });
  expect(await locateSyntaxError(url, thrown('Invalid regular expression flags'))).toBeUndefined();
});
