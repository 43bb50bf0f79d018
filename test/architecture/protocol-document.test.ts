import {
  AcceptorRole,
  ClosedBy,
  commands,
  DEFAULT_MAX_FRAME_BYTES,
  DialerRole,
  fieldMaps,
  MAX_CLOSE_REASON_BYTES,
  MAX_NAME_BYTES,
  MAX_SESSION_BYTES,
  MAX_SESSION_LEVELS,
  queries,
} from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { parseTableRows, readText } from './repository.ts';

const text = readText('docs/protocol.md');

/** Lines of the tables whose first cell matches, sorted. */
function rowsOf(first: RegExp): string[] {
  return text
    .split('\n')
    .filter((line) => first.test(/^\| `([^`]+)` \|/.exec(line)?.[1] ?? ''))
    .sort();
}

function row(...cells: string[]): string {
  return `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |');
}

function describeFields(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, type]) => {
      const isOptional = type.endsWith('?');
      return `\`${name}\`${isOptional ? '?' : ''} ${isOptional ? type.slice(0, -1) : type}`;
    })
    .join(', ');
}

/** Names of the types of fields, without the signs of lists, maps and options. */
function typesOf(fields: Readonly<Record<string, string>>): string[] {
  return Object.values(fields).map((type) => type.replace(/[^A-Za-z\d]+$/, ''));
}

// To add a row, copy what a failure of these tests expects into its section of the document.

test('docs/protocol.md: has the row of every command, and no other', () => {
  const expected = Object.entries(commands).map(([name, command]) =>
    row(
      `\`0x${command.number.toString(16).padStart(2, '0')}\``,
      name,
      command.direction,
      'fields' in command ? `map: ${describeFields(command.fields)}` : command.layout,
    ),
  );
  expect(rowsOf(/^0x/)).toEqual(expected.sort());
});

test('docs/protocol.md: has the row of every query, and no other', () => {
  const expected = Object.entries(queries).map(([kind, { fields, answer }]) =>
    row(`\`${kind}\``, describeFields(fields), answer),
  );
  expect(rowsOf(/^(?:is|get|batch)[A-Z]/)).toEqual(expected.sort());
});

test('docs/protocol.md: has the row of every map and every word list', () => {
  const lists = Object.entries({ AcceptorRole, ClosedBy, DialerRole }).map(([name, words]) =>
    row(
      `\`${name}\``,
      Object.values(words)
        .map((word) => `\`${word}\``)
        .join(', '),
    ),
  );
  const maps = Object.entries(fieldMaps).map(([name, fields]) =>
    row(`\`${name}\``, `map: ${describeFields(fields)}`),
  );
  expect(rowsOf(/^[A-Z]/)).toEqual(expect.arrayContaining([...lists, ...maps]));
});

test('docs/protocol.md: explains every type of a field', () => {
  const all: Readonly<Record<string, string>>[] = Object.values(fieldMaps);
  for (const { fields } of Object.values(queries)) all.push(fields);
  for (const command of Object.values(commands)) if ('fields' in command) all.push(command.fields);
  const explained = new Set(parseTableRows(text).map(({ name }) => name));
  const types = new Set(all.flatMap(typesOf));
  expect([...types].filter((type) => !explained.has(type))).toEqual([]);
});

test('docs/protocol.md: states the size limits of the code', () => {
  const inWords = (bytes: number): string => `${bytes.toLocaleString('en-US')} bytes`;
  const session = `${inWords(MAX_SESSION_BYTES)} packed`;
  const expected = [
    `| frame after the handshake | ${inWords(DEFAULT_MAX_FRAME_BYTES)} |`,
    `| uid, group | 1 to ${inWords(MAX_NAME_BYTES)} |`,
    `| reason of a close | ${inWords(MAX_CLOSE_REASON_BYTES)} |`,
    `| session of \`setSession\`, argument of \`updateSession\` | ${session} |`,
    `| session after a change | ${session}, ${MAX_SESSION_LEVELS} levels |`,
    `a session of more than ${inWords(MAX_SESSION_BYTES)} fails`,
  ];
  expect(expected.filter((sentence) => !text.includes(sentence))).toEqual([]);
});
