/** Codes of terminal styles (ECMA-48, SGR). */
const styles = { bold: 1, dim: 2, red: 31 } as const;

/**
 * Formats a table: the first column is left-aligned, the others right-aligned, with two spaces between.
 *
 * @param hasColour - whether the headings are dimmed
 */
export function renderTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  hasColour: boolean,
): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  return [colour('dim', line(headings), hasColour), ...rows.map(line)].join('\n');
}

/** Formats text in a style if the terminal supports it. */
export function colour(style: keyof typeof styles, text: string, hasColour: boolean): string {
  return hasColour ? `\u001b[${styles[style]}m${text}\u001b[0m` : text;
}
