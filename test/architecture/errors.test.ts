import { errorCodes } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { files, isTest, listSources, parseTableRows, readText } from './repository.ts';

const table = 'packages/protocol/src/error-code.ts';
const rows = parseTableRows(readText('docs/errors.md'));
const codePattern = /\bGW_ERR_[A-Z_]+\b/g;

test('docs/errors.md: has code, message and retryable of every code', () => {
  const documented = rows.map(({ name, cells }) => [name, cells[0], cells[1]]);
  const defined = Object.entries(errorCodes).map(([code, { message, retryable }]) => [
    code,
    message,
    retryable ? 'yes' : 'no',
  ]);
  expect(documented).toEqual(defined);
});

test('docs/errors.md: says when every code is thrown and what to do', () => {
  const wanting = rows.filter(({ cells }) => cells.length !== 4 || cells.includes(''));
  expect(wanting.map((row) => row.name)).toEqual([]);
});

test('error codes: are unique and sorted', () => {
  const codes = Object.keys(errorCodes);
  expect(codes).toEqual([...new Set(codes)].sort());
});

test('error codes: sources and documents name only codes of the table', () => {
  const paths = files.filter((path) => /\.(?:ts|md)$/.test(path) && !isTest(path));
  const unknown = paths.flatMap((path) =>
    [...readText(path).matchAll(codePattern)]
      .filter(([code]) => !Object.hasOwn(errorCodes, code))
      .map(([code]) => `${path} names ${code}`),
  );
  expect(unknown).toEqual([]);
});

test('error codes: each is used by a package', () => {
  const used = new Set(
    listSources()
      .filter((path) => path !== table)
      .flatMap((path) => [...readText(path).matchAll(/'(GW_ERR_[A-Z_]+)'/g)])
      .map((match) => match[1]),
  );
  expect(Object.keys(errorCodes).filter((code) => !used.has(code))).toEqual([]);
});
