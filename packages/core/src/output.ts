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

/** Most that an output keeps while its destination takes nothing, in bytes. */
export const MAX_PENDING_OUTPUT_BYTES = 1_048_576;

/** What a kept chunk costs beside its bytes: an empty one with a callback takes memory too. */
const CHUNK_COST = 64;

/** First and longest pause between two attempts to write what is kept, in milliseconds. */
const retryMs = { first: 10, longest: 1_000 } as const;

/** Text, or the bytes of one. */
export type OutputChunk = string | Uint8Array;

/** Lines that were lost because a destination took nothing. */
export interface DroppedLines {
  readonly lines: number;
  /** Code of the last error, such as `ENOSPC` or `EAGAIN`. */
  readonly reason: string;
}

/** What an output writes to. */
export interface OutputDestination {
  /** Path or name of the stream, for notices. */
  readonly name: string;
  /** Opens it for writes that do not block; called again when it has thrown. */
  open(): number;
  /** Called before each write. */
  prepare?(): void;
  /** Finds where a regular file ends, which other processes append to as well. */
  findEnd?(): FileEnd | undefined;
}

/** Where a file ends. */
interface FileEnd {
  readonly size: number;
  /** Whether its last line has no end. */
  readonly isMidLine: boolean;
}

const LINE_FEED = 10;

/**
 * Writes to a file, a pipe, a socket or a terminal, and can neither throw nor block.
 *
 * A write goes to the kernel at once, so that the last lines before a crash are in the log file. While the
 * destination takes nothing (full disk, reader that stalls, reader that is gone) up to 1 MiB is kept and tried
 * again; what comes after that is dropped and counted, and reported once when writing works again.
 */
export class Output {
  /** Called when writing works again after lines were dropped. */
  onRecovered: (dropped: DroppedLines) => void = () => {};
  /** Called when all that was kept is written. */
  onDrain: () => void = () => {};
  readonly #destination: OutputDestination;
  #descriptor: number | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #onWritten: (() => void)[] = [];
  #dropped = 0;
  /** Dropped since the last report. */
  #unreported = 0;
  #reason = '';
  /** Size of the file after a write that was cut: the rest belongs there. */
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
   * Writes, keeps or drops.
   *
   * @param onDone - called in a later turn, once the chunk is written or dropped
   * @returns false while something is kept; `onDrain` follows
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
      // A copy: the caller may use its bytes again. A line that is too long to keep is cut where it is.
      if (fits || written > 0) {
        const rest = bytes.subarray(written, written + MAX_PENDING_OUTPUT_BYTES - CHUNK_COST);
        this.#keep(Uint8Array.from(rest), onDone);
        if (written + rest.length < bytes.length) this.#drop(1);
      } else {
        this.#drop(countLines(bytes), onDone);
      }
      this.#retryLater();
    } else if (this.#unreported > 0 || !fits) {
      // Once one line is dropped all are until the report, which then stands where they are missing.
      this.#drop(countLines(bytes), onDone);
    } else {
      this.#keep(Uint8Array.from(bytes), onDone);
    }
    return false;
  }

  /**
   * Opens the destination again: a log file that was moved away is created again.
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
      // A line that was too long to keep has lost its end.
      this.#startLine();
      this.onRecovered({ lines, reason: this.#reason });
    }
    for (const onDone of onWritten) onDone();
    this.onDrain();
  }

  /** Answers whether nothing is left. */
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
   * Ends the half line that was left at the end of the file when the disk became full.
   *
   * @returns false when that cannot be written
   */
  #startLine(): boolean {
    const end = this.#destination.findEnd?.();
    const isForeign = end?.isMidLine === true && end.size !== this.#cutAt;
    return !isForeign || this.#tryWrite(Uint8Array.of(LINE_FEED)) === 1;
  }

  /** Answers how many bytes the kernel has taken. */
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

/** A file that is appended to; see `openForAppend`. */
export function fileDestination(path: string): OutputDestination {
  return { name: path, open: () => openForAppend(path), findEnd: () => findEnd(path) };
}

/**
 * Opens a file to append to it, with the folders that lead to it. A file of this user gets mode 0600, folders that
 * are made get 0700.
 *
 * @throws the error of the system
 */
export function openForAppend(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK } = constants;
  makeFolders(dirname(path), 0o700);
  // Not blocking: the open of a FIFO would otherwise wait for its reader.
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK;
  const descriptor = openSync(path, flags, 0o600);
  closeToOthers(descriptor);
  return descriptor;
}

/** A file that was there before may be readable by others. */
function closeToOthers(descriptor: number): void {
  const stats = fstatSync(descriptor);
  if (!stats.isFile() || stats.uid !== process.geteuid?.() || (stats.mode & 0o777) === 0o600)
    return;
  try {
    fchmodSync(descriptor, 0o600);
  } catch {
    // A file system that keeps no modes, such as FAT.
  }
}

/** Answers nothing about what is not a regular file: reading would take from a FIFO what its reader is to get. */
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

/** The standard output or the standard error output of this process. */
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
 * Opens what a pipe or a terminal leads to once more, without blocking.
 *
 * The flag of the given descriptor is shared with other processes: one that ends resets it to blocking, and one
 * that does not expect it fails with `EAGAIN`. Only a socket cannot be opened again, nor can anything where
 * there is no /proc.
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

/** Through the handle of the stream, because Node.js has no call for it. */
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
