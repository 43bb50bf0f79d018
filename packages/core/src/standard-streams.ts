import { Output, type OutputChunk, standardDestination } from './output.ts';

/** The guarded standard streams of this process. */
export interface StandardStreams {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Sends all further printed output of the process to another output. */
  redirect(output: Output): void;
}

let guarded: StandardStreams | undefined;

/**
 * Makes writes to `process.stdout` and `process.stderr`, and so `console.log`, never block and never throw.
 *
 * Node.js writes to a terminal in blocking mode, keeps an unlimited number of bytes for a pipe that is full, and throws
 * when the reader has gone. A second call returns the same streams.
 */
export function guardStandardStreams(): StandardStreams {
  guarded ??= guard();
  return guarded;
}

/** Returns whether the standard streams of this process are guarded. */
export function hasGuardedStreams(): boolean {
  return guarded !== undefined;
}

/** Returns whether a stream is a terminal with colours that NO_COLOR, FORCE_COLOR=0 and TERM=dumb do not disable. */
export function showsColour(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && stream.hasColors();
}

function guard(): StandardStreams {
  const stdout = new Output(standardDestination(1));
  const stderr = new Output(standardDestination(2));
  const redirectStdout = replaceWrite(process.stdout, stdout);
  const redirectStderr = replaceWrite(process.stderr, stderr);
  return {
    stdout,
    stderr,
    redirect(output) {
      redirectStdout(output);
      redirectStderr(output);
    },
  };
}

/** Replaces `write` of a stream. Returns a function that changes the output. */
function replaceWrite(stream: NodeJS.WriteStream, first: Output): (output: Output) => void {
  let output = first;
  const emitDrain = (from: Output) => {
    const { onDrain } = from;
    from.onDrain = () => {
      onDrain();
      stream.emit('drain');
    };
  };
  emitDrain(first);
  // Only a write made before the replacement can still fail.
  stream.on('error', () => {});
  stream.write = (chunk: OutputChunk, ...rest: unknown[]): boolean => {
    // The callback may be the second argument, in place of the encoding.
    const [encoding, last] = [rest[0], rest.at(-1)];
    const onDone = typeof last === 'function' ? () => last() : undefined;
    const isEncoded = typeof chunk === 'string' && Buffer.isEncoding(String(encoding));
    return output.write(isEncoded ? Buffer.from(chunk, toEncoding(encoding)) : chunk, onDone);
  };
  return (next) => {
    output = next;
    emitDrain(next);
  };
}

function toEncoding(value: unknown): BufferEncoding | undefined {
  return typeof value === 'string' && Buffer.isEncoding(value) ? value : undefined;
}
