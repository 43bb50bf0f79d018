import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { makeFolders } from './make-folders.ts';

/** Maximum number of bytes that an output keeps while its destination takes no bytes. */
export const MAX_PENDING_OUTPUT_BYTES = 1_048_576;

/** Bytes that a kept chunk counts for in addition to its length: an empty chunk with a callback takes memory too. */
const CHUNK_COST = 64;

/** First and longest wait between two attempts to write the kept chunks, in milliseconds. */
const retryMs = { first: 10, longest: 1_000 } as const;

/** Text, or encoded text. */
export type OutputChunk = string | Uint8Array;

/** Lines that were dropped because the destination took no bytes. */
export interface DroppedLines {
  readonly lines: number;
  /** Code of the last error, such as `ENOSPC` or `EAGAIN`. */
  readonly reason: string;
}

/** Destination of an output. */
export interface OutputDestination {
  /** Path or name of the stream, for log lines. */
  readonly name: string;
  /** Opens it for non-blocking writes. Called again after it has thrown. */
  open(): number;
  /** Called before each write. */
  prepare?(): void;
  /** Returns the end of a regular file, which other processes may have appended to. */
  findEnd?(): FileEnd | undefined;
}

/** The end of a file. */
interface FileEnd {
  readonly size: number;
  /** True if the last line has no line feed. */
  readonly isMidLine: boolean;
}

const LINE_FEED = 10;

/**
 * Writes to a file, a pipe, a socket or a terminal, and never throws or blocks.
 *
 * A write is passed to the kernel at once, so that the last lines before a crash are in the log file. While the
 * destination takes no bytes (the disk is full, or the reader stalls or has gone), up to 1 MiB is kept and retried.
 * Further lines are dropped and counted, and reported once when writing works again.
 */
export class Output {
  /** Called when writing works again after lines were dropped. */
  onRecovered: (dropped: DroppedLines) => void = () => {};
  /** Called when all kept chunks are written. */
  onDrain: () => void = () => {};
  readonly #destination: OutputDestination;
  #descriptor: number | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #onWritten: (() => void)[] = [];
  #dropped = 0;
  /** Lines dropped since the last report. */
  #unreported = 0;
  #reason = '';
  /** Size of the file after a partial write of this process, which is where the rest belongs. */
  #cutAt: number | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs: number = retryMs.first;
  readonly #flushAtExit = (): void => void this.#writePending();

  constructor(destination: OutputDestination) {
    this.#destination = destination;
  }

  /** Path or name of the stream. */
  get name(): string {
    return this.#destination.name;
  }

  /** Lines dropped since the process started. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Writes a chunk, or keeps or drops it.
   *
   * @param onDone - called in a later turn, once the chunk is written or dropped
   * @returns false while chunks are kept; `onDrain` is called afterwards
   */
  write(chunk: OutputChunk, onDone?: () => void): boolean {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const fits = this.#pendingBytes + bytes.length + CHUNK_COST <= MAX_PENDING_OUTPUT_BYTES;
    if (this.#retryTimer === undefined) {
      const written = this.#tryWrite(bytes);
      if (written === bytes.length) {
        if (onDone !== undefined) process.nextTick(onDone);
        return true;
      }
      // A copy, because the caller may reuse its bytes. A chunk that is too long to keep is cut.
      if (fits || written > 0) {
        const rest = bytes.subarray(written, written + MAX_PENDING_OUTPUT_BYTES - CHUNK_COST);
        this.#keep(Uint8Array.from(rest), onDone);
        if (written + rest.length < bytes.length) this.#drop(1);
      } else {
        this.#drop(countLines(bytes), onDone);
      }
      this.#retryLater();
    } else if (this.#unreported > 0 || !fits) {
      // After a dropped line, all lines are dropped until the report, so that the report is where they are missing.
      this.#drop(countLines(bytes), onDone);
    } else {
      this.#keep(Uint8Array.from(bytes), onDone);
    }
    return false;
  }

  /**
   * Opens the destination again, which creates a log file again after a rotation.
   *
   * @throws when it cannot be opened; the old descriptor stays in use
   */
  reopen(): void {
    const descriptor = this.#destination.open();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = descriptor;
  }

  /** Whether the file at the path is missing, or is another one than the file that is written to. */
  get isDetached(): boolean {
    try {
      const found = statSync(this.#destination.name, { throwIfNoEntry: false });
      if (found === undefined) return true;
      if (this.#descriptor === undefined) return false;
      const open = fstatSync(this.#descriptor);
      return found.ino !== open.ino || found.dev !== open.dev;
    } catch {
      // The folder cannot be read: to open the file again would fail too.
      return false;
    }
  }

  #drop(lines: number, onDone?: () => void): void {
    this.#dropped += lines;
    this.#unreported += lines;
    if (onDone !== undefined) process.nextTick(onDone);
  }

  #keep(bytes: Uint8Array, onDone: (() => void) | undefined): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length + CHUNK_COST;
    if (onDone !== undefined) this.#onWritten.push(onDone);
  }

  #retryLater(): void {
    if (this.#retryTimer === undefined) process.on('exit', this.#flushAtExit);
    this.#retryTimer = setTimeout(() => this.#retry(), this.#retryMs).unref();
  }

  #retry(): void {
    const before = this.#pendingBytes;
    if (!this.#writePending()) {
      const isSlow = this.#pendingBytes < before;
      this.#retryMs = isSlow ? retryMs.first : Math.min(this.#retryMs * 2, retryMs.longest);
      this.#retryLater();
      return;
    }
    this.#retryTimer = undefined;
    this.#retryMs = retryMs.first;
    process.off('exit', this.#flushAtExit);
    const onWritten = this.#onWritten;
    this.#onWritten = [];
    const lines = this.#unreported;
    this.#unreported = 0;
    if (lines > 0) {
      // A chunk that was too long to keep has no line feed.
      this.#startLine();
      this.onRecovered({ lines, reason: this.#reason });
    }
    for (const onDone of onWritten) onDone();
    this.onDrain();
  }

  /** Writes the kept chunks. Returns true if all are written. */
  #writePending(): boolean {
    if (!this.#startLine()) return false;
    const pending = this.#pending;
    for (let index = 0; index < pending.length; index += 1) {
      const bytes = pending[index] ?? new Uint8Array();
      const written = this.#tryWrite(bytes);
      this.#pendingBytes -= written;
      if (written < bytes.length) {
        pending[index] = bytes.subarray(written);
        pending.splice(0, index);
        return false;
      }
      this.#pendingBytes -= CHUNK_COST;
    }
    this.#pending = [];
    return true;
  }

  /**
   * Writes a line feed if the file ends with an incomplete line of another process, as after a full disk.
   *
   * @returns false when it cannot be written
   */
  #startLine(): boolean {
    const end = this.#destination.findEnd?.();
    const isForeign = end?.isMidLine === true && end.size !== this.#cutAt;
    return !isForeign || this.#tryWrite(Uint8Array.of(LINE_FEED)) === 1;
  }

  /** Returns the number of bytes that the kernel has taken. */
  #tryWrite(bytes: Uint8Array): number {
    let written = 0;
    try {
      this.#descriptor ??= this.#destination.open();
      while (written < bytes.length) {
        this.#destination.prepare?.();
        written += writeSync(this.#descriptor, bytes, written);
      }
    } catch (error) {
      this.#reason = errorCode(error);
      if (written > 0) this.#cutAt = this.#destination.findEnd?.()?.size;
    }
    return written;
  }
}

/** A destination that appends to a file; see `openForAppend`. */
export function fileDestination(path: string): OutputDestination {
  return { name: path, open: () => openForAppend(path), findEnd: () => findEnd(path) };
}

/**
 * Opens a file for appending, and creates its missing folders. A file of this user gets mode 0600, new folders get
 * mode 0700.
 *
 * @throws the error of the system
 */
export function openForAppend(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK } = constants;
  makeFolders(dirname(path), 0o700);
  // Non-blocking, because opening a FIFO would otherwise wait for its reader.
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK;
  const descriptor = openSync(path, flags, 0o600);
  restrictToOwner(descriptor);
  return descriptor;
}

/** Restricts an existing file of this user, which other users may be able to read. */
function restrictToOwner(descriptor: number): void {
  const stats = fstatSync(descriptor);
  if (!stats.isFile() || stats.uid !== process.geteuid?.() || (stats.mode & 0o777) === 0o600)
    return;
  try {
    fchmodSync(descriptor, 0o600);
  } catch {
    // The file system has no modes, such as FAT.
  }
}

/** Returns `undefined` unless the path is a regular file: reading a FIFO would take bytes from its reader. */
function findEnd(path: string): FileEnd | undefined {
  try {
    if (!statSync(path).isFile()) return undefined;
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = fstatSync(descriptor);
      const last = Buffer.alloc(1);
      const read = size === 0 ? 0 : readSync(descriptor, last, 0, 1, size - 1);
      return { size, isMidLine: read === 1 && last[0] !== LINE_FEED };
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

/** A destination that writes to stdout or stderr of this process. */
export function standardDestination(fd: 1 | 2): OutputDestination {
  const stream = fd === 1 ? process.stdout : process.stderr;
  let isOwn = false;
  return {
    name: fd === 1 ? 'stdout' : 'stderr',
    open() {
      const own = reopenStandard(fd);
      isOwn = own !== undefined;
      return own ?? fd;
    },
    prepare() {
      if (!isOwn) setNonBlocking(stream);
    },
  };
}

/**
 * Opens a non-blocking descriptor of its own for a pipe or a terminal.
 *
 * The non-blocking flag of the inherited descriptor is shared with other processes: a process that ends resets it to
 * blocking, and a process that does not expect it fails with `EAGAIN`. A socket cannot be opened again, nor can
 * anything on a system without /proc; then the result is `undefined`.
 */
function reopenStandard(fd: 1 | 2): number | undefined {
  if (fstatSync(fd).isFile()) return fd;
  const { O_WRONLY, O_NOCTTY, O_NONBLOCK } = constants;
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NOCTTY | O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Uses the handle of the stream, because Node.js has no public function for it. */
function setNonBlocking(stream: NodeJS.WriteStream): void {
  const handle: unknown = Reflect.get(stream, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  const setBlocking: unknown = Reflect.get(handle, 'setBlocking');
  if (typeof setBlocking === 'function') setBlocking.call(handle, false);
}

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  let at = bytes.indexOf(LINE_FEED);
  while (at !== -1) {
    lines += 1;
    at = bytes.indexOf(LINE_FEED, at + 1);
  }
  return Math.max(1, lines);
}

function errorCode(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'unknown';
}
