import { hasGuardedStreams } from '@gatewayworker/core';

/** Writes to the standard output. Only this function does so. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** Writes to the standard error output. Only this function does so. */
export function printError(text: string): void {
  process.stderr.write(text);
}

/** Tells whether the standard output is a terminal that supports escape sequences. */
export function canRedraw(): boolean {
  return process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';
}

/** Width of the terminal in columns; `undefined` when the standard output is a file or a pipe. */
export function terminalWidth(): number | undefined {
  const { isTTY, columns = 0 } = process.stdout;
  // A terminal with an unknown size reports 0.
  return isTTY === true && columns > 0 ? columns : undefined;
}

/** The alternate screen of the terminal, after which the earlier content and scrollback are restored. */
export const alternateScreen = {
  open(): void {
    process.stdout.write('\x1b[?1049h');
  },
  /** Overwrites its content. */
  show(text: string): void {
    process.stdout.write(`\x1b[H${text.replaceAll('\n', '\x1b[K\n')}\x1b[J`);
  },
  close(): void {
    process.stdout.write('\x1b[?1049l');
  },
} as const;

/** Exit code when the output is closed: what a shell reports for a program ended by SIGPIPE. */
const OUTPUT_CLOSED = 141;
/** Time to flush the output of a process with guarded streams, in milliseconds. */
const GUARDED_EXIT_MS = 500;

/**
 * Ends a command whose output cannot be written: silently when the output is closed (`connections | head`), else with
 * the reason. A process with guarded streams, which serves clients, is never ended.
 */
export function exitWhenOutputFails(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (hasGuardedStreams()) return;
    if (error.code === 'EPIPE') process.exit(OUTPUT_CLOSED);
    printError(`cannot write the output: ${error.message}\n`);
    exitAfterPrinting(1);
  });
  process.stderr.on('error', () => {
    if (!hasGuardedStreams()) process.exit(OUTPUT_CLOSED);
  });
}

/** Ends the process once its output is written, which a pipe may delay. */
export function exitAfterPrinting(exitCode: number): void {
  const exit = () => process.exit(exitCode);
  process.stdout.write('', (error: NodeJS.ErrnoException | null | undefined) => {
    // The `error` event of the stream comes later than this.
    if (error?.code === 'EPIPE' && !hasGuardedStreams()) process.exit(OUTPUT_CLOSED);
    process.stderr.write('', exit);
  });
  // A stalled reader must not block the end of a cluster.
  if (hasGuardedStreams()) setTimeout(exit, GUARDED_EXIT_MS);
}
