import { hasGuardedStreams } from '@gatewayworker/core';

/** Writes to the standard output; the only place that does. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** Writes to the standard error output; the only place that does. */
export function printError(text: string): void {
  process.stderr.write(text);
}

/** Tells whether the standard output is a terminal. */
export function isTerminal(): boolean {
  return process.stdout.isTTY === true;
}

/** Empties the terminal, for what is printed next to stand at its top. */
export function clearTerminal(): void {
  process.stdout.write('\x1b[H\x1b[2J\x1b[3J');
}

/** Exit code of a command whose reader is gone: what a shell reports for a program that SIGPIPE has ended. */
const readerGone = 141;
/** Time for the output of a process with guarded streams to be taken, in milliseconds. */
const guardedExitMs = 500;

/**
 * Ends a command whose output cannot be written: silently when the reader is gone (`connections | head`), else with
 * the reason. Once the streams are guarded, as they are in a process that serves clients, nothing ends it.
 */
export function exitWhenOutputFails(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (hasGuardedStreams()) return;
    if (error.code === 'EPIPE') process.exit(readerGone);
    printError(`cannot write the output: ${error.message}\n`);
    exitAfterPrinting(1);
  });
  process.stderr.on('error', () => {
    if (!hasGuardedStreams()) process.exit(readerGone);
  });
}

/** Ends the process once what was printed is out: a pipe may take it later than the call. */
export function exitAfterPrinting(exitCode: number): void {
  const exit = () => process.exit(exitCode);
  process.stdout.write('', () => process.stderr.write('', exit));
  // A reader that stalls must not keep a cluster from its end.
  if (hasGuardedStreams()) setTimeout(exit, guardedExitMs);
}
