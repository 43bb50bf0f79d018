/** A column of a table. */
export interface Column {
  readonly title: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
  /** Columns with the lowest number are dropped first from a table that is too wide. @default never dropped */
  readonly dropOrder?: number;
  /** Adds colour to a cell, after it has been padded. @default none */
  readonly paint?: (cell: string) => string;
}

const gap = '  ';

/**
 * Formats rows under their titles, each column as wide as its widest cell; ends with a newline.
 *
 * @param maxWidth - longest line: columns with a `dropOrder` are dropped until the rest fits; then the widest remaining
 * column, except the last one, is cut. @default no limit
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
  while (overflowOf(shown, maxWidth) > 0 && dropColumn(shown));
  const [widest] = shown.slice(0, -1).toSorted((one, other) => other.width - one.width);
  const overflow = Math.max(0, overflowOf(shown, maxWidth));
  if (widest !== undefined) widest.width = Math.max(1, widest.width - overflow);

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

/** Number of characters by which a line is too long. */
function overflowOf(columns: readonly ShownColumn[], maxWidth: number): number {
  return columns.reduce((sum, { width }) => sum + width + gap.length, -gap.length) - maxWidth;
}

/** Drops the column with the lowest `dropOrder`; returns false when there is none. */
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
