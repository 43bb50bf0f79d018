/** A column of a table. */
export interface Column {
  readonly title: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
  /** Adds colour to a cell, after it has been padded. @default none */
  readonly paint?: (cell: string) => string;
}

/** Writes rows under their titles, each column as wide as its widest cell; ends with a newline. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const titles = formatRow(columns.map(({ title, align }) => ({ title, ...(align && { align }) })));
  return [titles(columns.map((column) => column.title)), ...rows.map(formatRow(columns))].join('');

  function formatRow(shape: readonly Column[]): (row: readonly string[]) => string {
    return (row) => {
      const cells = shape.map((column, index) => {
        const cell = row[index] ?? '';
        const width = widths[index] ?? 0;
        const padded = column.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
        return column.paint?.(padded) ?? padded;
      });
      return `${cells.join('  ').trimEnd()}\n`;
    };
  }
}
