import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { BenchmarkResult } from '../result.ts';
import { scenarios } from '../scenarios.ts';
import { summarize } from '../summarize.ts';
import { renderChart } from './chart.ts';
import { formatCount, formatDecimal, tableOf } from './columns.ts';
import {
  checkDocument,
  fillDocument,
  MarkerError,
  markdownTable,
  replaceMarked,
} from './markdown.ts';
import { renderTable } from './text-table.ts';

const [scenario] = scenarios;
if (scenario === undefined) throw new Error('there is no scenario');
const summary = summarize(scenario, [
  { contender: 'raw-ws', title: 'raw ws', rounds: [{ messagesPerSecond: 61_234, p99Ms: 12.34 }] },
  { contender: 'gatewayworker-1x1', title: 'own', rounds: [{ messagesPerSecond: 183_702 }] },
  { contender: 'socket.io-2', title: 'other', rounds: [], failure: 'it has ended' },
]);
const result: BenchmarkResult = {
  environment: {
    date: '2030-01-02T03:04:05.000Z',
    processor: 'A processor',
    cores: 2,
    memoryBytes: 8 * 2 ** 30,
    system: 'Linux 6.1',
    node: 'v20.20.2',
    seconds: 4,
    warmSeconds: 2,
    rounds: 3,
    generators: 1,
    clients: 10_000,
  },
  scenarios: [summary],
};

test('numbers: have three significant digits', () => {
  expect([0.1234, 1.005, 12.34, 123.4].map(formatDecimal)).toEqual(['0.12', '1.00', '12.3', '123']);
  expect([5, 61_234, 1_463_499].map(formatCount)).toEqual(['5', '61,200', '1,460,000']);
});

test('table: has every measured figure, and a dash for a missing one', () => {
  expect(tableOf(summary)).toEqual({
    headings: ['', 'messages/s', 'ratio', 'p99 ms'],
    rows: [
      ['raw ws', '61,200', '1.00', '12.3'],
      ['own', '184,000', '3.00', '–'],
      ['other', '–', '–', '–'],
    ],
  });
});

test('text table: columns are aligned', () => {
  const { headings, rows } = tableOf(summary);
  expect(renderTable(headings, rows, false)).toBe(
    [
      '        messages/s  ratio  p99 ms',
      'raw ws      61,200   1.00    12.3',
      'own        184,000   3.00       –',
      'other            –      –       –',
    ].join('\n'),
  );
});

test('text table: has colour only on request', () => {
  expect(renderTable(['a'], [['b']], true)).toContain('\u001b[');
  expect(renderTable(['a'], [['b']], false)).not.toContain('\u001b');
});

test('markdown: only the marked parts of a document are replaced', () => {
  const document = [
    'before <!-- bench:machine -->\nold\n<!-- /bench:machine -->',
    '<!-- bench:chart --><!-- /bench:chart -->',
    'between',
    '<!-- bench:echo-deep --><!-- /bench:echo-deep -->',
    '<!-- bench:uid -->\nkept\n<!-- /bench:uid -->',
  ].join('\n');
  const filled = fillDocument(document, result, 'performance.svg');
  expect(filled).toContain('2030-01-02: A processor, 2 cores, 8 GB, Linux 6.1, Node.js v20.20.2.');
  expect(filled).toMatch(/<!-- bench:chart -->\n!\[.*\]\(performance.svg\)\n<!--/);
  expect(filled).not.toContain('old');
  expect(filled).toContain('between');
  expect(filled).toContain(`<!-- bench:echo-deep -->\n${markdownTable(summary)}\n<!-- /bench:echo`);
  expect(filled).toContain('<!-- bench:uid -->\nkept\n<!-- /bench:uid -->');
  expect(fillDocument(filled, result, 'performance.svg')).toBe(filled);
});

test('markdown: a missing marker is an error that names it', () => {
  expect(() => replaceMarked('nothing', 'uid', 'x')).toThrow(MarkerError);
  expect(() => replaceMarked('<!-- bench:uid -->', 'uid', 'x')).toThrow("no '<!-- bench:uid -->'");
});

test('markdown: docs/performance.md has the markers of every scenario', () => {
  const document = readFileSync(new URL('../../../docs/performance.md', import.meta.url), 'utf8');
  expect(() => checkDocument(document, scenarios)).not.toThrow();
  expect(() => checkDocument(document, [{ name: 'other' }])).toThrow("no '<!-- bench:other -->'");
});

test('chart: has scenarios, contenders and values', () => {
  const svg = renderChart(result);
  for (const text of [scenario.title, 'raw ws', 'own', '184,000', 'A processor']) {
    expect(svg).toContain(text);
  }
});
