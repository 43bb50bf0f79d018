/** A column of a table. */
export interface Column {
  readonly title: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
  /** Left out of a table that is too wide, those with the lowest number first. @default it stays */
  readonly dropOrder?: number;
  /** Adds colour to a cell, after it has been padded. @default none */
  readonly paint?: (cell: string) => string;
}

const gap = '  ';

/**
 * Writes rows under their titles, each column as wide as its widest cell; ends with a newline.
 *
 * @param maxWidth - characters of a line: columns with a `dropOrder` are left out until the rest fits, and the widest
 * of the rest but the last is cut. @default no limit
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  maxWidth: number = Number.POSITIVE_INFINITY,
): string {
  const shown = columns.map((column, index) => {
    const cells = rows.map((row) => row[index] ?? '');
    const width = Math.max(column.title.length, ...cells.map((cell) => cell.length));
    return { ...column, cells, width };
  });
  while (excessOf(shown, maxWidth) > 0 && dropColumn(shown));
  const [widest] = shown.slice(0, -1).toSorted((one, other) => other.width - one.width);
  const excess = Math.max(0, excessOf(shown, maxWidth));
  if (widest !== undefined) widest.width = Math.max(1, widest.width - excess);

  const formatRow = (cellOf: (column: ShownColumn) => string, isPainted: boolean): string => {
    const cells = shown.map((column) => {
      const cell = cut(cellOf(column), column.width);
      const padded =
        column.align === 'right' ? cell.padStart(column.width) : cell.padEnd(column.width);
      return isPainted ? (column.paint?.(padded) ?? padded) : padded;
    });
    return `${cells.join(gap).trimEnd()}\n`;
  };
  const titles = formatRow(({ title }) => title, false);
  return [titles, ...rows.map((_, at) => formatRow(({ cells }) => cells[at] ?? '', true))].join('');
}

interface ShownColumn extends Column {
  readonly cells: readonly string[];
  width: number;
}

/** Characters by which a line is too long. */
function excessOf(columns: readonly ShownColumn[], maxWidth: number): number {
  return columns.reduce((sum, { width }) => sum + width + gap.length, -gap.length) - maxWidth;
}

/** Takes out the column that matters least; answers false when all of them stay. */
function dropColumn(columns: ShownColumn[]): boolean {
  const orders = columns.map(({ dropOrder = Number.POSITIVE_INFINITY }) => dropOrder);
  const lowest = Math.min(...orders);
  if (lowest === Number.POSITIVE_INFINITY) return false;
  columns.splice(orders.indexOf(lowest), 1);
  return true;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
