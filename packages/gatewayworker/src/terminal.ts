import { hasGuardedStreams } from '@gatewayworker/core';

/** Writes to the standard output; the only place that does. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** Writes to the standard error output; the only place that does. */
export function printError(text: string): void {
  process.stderr.write(text);
}

/** Tells whether the standard output is a terminal that understands escape sequences. */
export function canRedraw(): boolean {
  return process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';
}

/** Columns of the terminal that shows the standard output; `undefined` where it goes to a file or a pipe. */
export function terminalWidth(): number | undefined {
  const { isTTY, columns = 0 } = process.stdout;
  // A terminal that does not know its size says 0.
  return isTTY === true && columns > 0 ? columns : undefined;
}

/** The alternate screen of the terminal: its earlier content and scrollback come back at the end. */
export const alternateScreen = {
  open(): void {
    process.stdout.write('\x1b[?1049h');
  },
  /** Overwrites what it shows. */
  show(text: string): void {
    process.stdout.write(`\x1b[H${text.replaceAll('\n', '\x1b[K\n')}\x1b[J`);
  },
  close(): void {
    process.stdout.write('\x1b[?1049l');
  },
} as const;

/** Exit code of a command whose reader is gone: what a shell reports for a program that SIGPIPE has ended. */
const READER_GONE = 141;
/** Time for the output of a process with guarded streams to be taken, in milliseconds. */
const GUARDED_EXIT_MS = 500;

/**
 * Ends a command whose output cannot be written: silently when the reader is gone (`connections | head`), else with
 * the reason. Once the streams are guarded, as they are in a process that serves clients, nothing ends it.
 */
export function exitWhenOutputFails(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (hasGuardedStreams()) return;
    if (error.code === 'EPIPE') process.exit(READER_GONE);
    printError(`cannot write the output: ${error.message}\n`);
    exitAfterPrinting(1);
  });
  process.stderr.on('error', () => {
    if (!hasGuardedStreams()) process.exit(READER_GONE);
  });
}

/** Ends the process once what was printed is out: a pipe may take it later than the call. */
export function exitAfterPrinting(exitCode: number): void {
  const exit = () => process.exit(exitCode);
  process.stdout.write('', (error: NodeJS.ErrnoException | null | undefined) => {
    // The event that says so too comes later.
    if (error?.code === 'EPIPE' && !hasGuardedStreams()) process.exit(READER_GONE);
    process.stderr.write('', exit);
  });
  // A reader that stalls must not keep a cluster from its end.
  if (hasGuardedStreams()) setTimeout(exit, GUARDED_EXIT_MS);
}
