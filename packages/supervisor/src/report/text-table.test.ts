import { expect, test } from 'vitest';
import { formatTable } from './text-table.ts';

const columns = [
  { title: 'name' },
  { title: 'least', dropOrder: 1 },
  { title: 'more', dropOrder: 2, align: 'right' },
  { title: 'state' },
] as const;
const rows = [
  ['a-long-name', 'x', '12', '[ok]'],
  ['b', 'y', '3', '[busy]'],
];

test.each([
  [80, ['name         least  more  state', 'a-long-name  x        12  [ok]']],
  [30, ['name         more  state', 'a-long-name    12  [ok]']],
  [20, ['name         state', 'a-long-name  [ok]']],
  [14, ['name    state', 'a-lon…  [ok]']],
])('table: for %d columns, drops columns and then cuts the widest', (width, lines) => {
  const text = formatTable(columns, rows, width);
  expect(text.split('\n').slice(0, 2)).toEqual(lines);
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width);
});

test('table: paints padded cells of rows, not titles', () => {
  const painted = [{ title: 'x' }, { title: 'y', paint: (cell: string) => `<${cell}>` }];
  expect(formatTable(painted, [['1', 'ab']])).toBe('x  y\n1  <ab>\n');
});
