/** Writes to the standard output; the only place that does. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** Writes to the standard error output; the only place that does. */
export function printError(text: string): void {
  process.stderr.write(text);
}

/** Tells whether the standard output shows colours and the user wants them (https://no-color.org). */
export function showsColour(): boolean {
  return process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '';
}

/** Tells whether the standard output is a terminal. */
export function isTerminal(): boolean {
  return process.stdout.isTTY === true;
}

/** Empties the terminal, for what is printed next to stand at its top. */
export function clearTerminal(): void {
  process.stdout.write('\x1b[H\x1b[2J\x1b[3J');
}

/** Ends the process once what was printed is out: a pipe may take it later than the call. */
export function exitAfterPrinting(exitCode: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
}
