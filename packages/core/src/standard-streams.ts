import { Output, type OutputChunk, standardDestination } from './output.ts';

/** The standard streams of this process, as outputs. */
export interface StandardStreams {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Sends what the process prints from now on to another output. */
  redirect(output: Output): void;
}

let guarded: StandardStreams | undefined;

/**
 * Makes `process.stdout` and `process.stderr`, and so `console.log`, unable to block or end the process.
 *
 * Node.js writes to terminals in blocking mode, keeps what a pipe does not take without a limit, and throws when
 * the reader is gone. Safe to call twice: a process has one of each.
 */
export function guardStandardStreams(): StandardStreams {
  guarded ??= guard();
  return guarded;
}

/** Whether the standard streams of this process are guarded. */
export function hasGuardedStreams(): boolean {
  return guarded !== undefined;
}

/** Whether a stream is a terminal that shows colours, and NO_COLOR, FORCE_COLOR=0 or TERM=dumb do not forbid them. */
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

/** Answers how to change the output later. */
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
  // Only writes made before the replacement may still fail.
  stream.on('error', () => {});
  stream.write = (chunk: OutputChunk, ...rest: unknown[]): boolean => {
    // `write` takes its callback in the place of the encoding too.
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
