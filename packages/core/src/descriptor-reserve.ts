import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Logger } from './logger.ts';
import { ThrottledLog } from './throttled-log.ts';

/** Descriptors of the reserve: enough to start a process, reopen a log and answer several clients at the same time. */
const RESERVE_SIZE = 32;

/** The reserve takes at most 1/16 of the limit, so that a process with a low limit keeps most of its descriptors. */
const MAX_PART_OF_LIMIT = 16;

/** Descriptors that starting a child process takes: its pipes, those of the system call, its control connection. */
const STEP_SIZE = 16;

/** Interval at which the reserve checks whether descriptors have run out or are free again, in milliseconds. */
const CHECK_INTERVAL_MS = 1000;

/** A path that can be opened on every system, even without `/dev`. */
const OPENED_PATH = '/';

/** Error codes of a system that has no descriptor left for this process, or for any process. */
const exhaustionCodes: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

const hints: Readonly<Record<string, string>> = {
  EMFILE:
    'raise the limit of open files: ulimit -n, LimitNOFILE= in systemd, --ulimit nofile= in Docker',
  ENFILE: 'raise the limit of the system: sysctl fs.file-max',
  ENOMEM: 'the system is out of memory',
};

/**
 * File descriptors that a process keeps open and closes when it runs out of descriptors. Operations that matter more
 * than a new client, such as an inner link, a log file or a report, then still get one.
 *
 * The reserve also detects exhaustion. A server does not notice it: libuv accepts each connection on a spare
 * descriptor and closes it, without an event.
 */
export class DescriptorReserve {
  readonly #logger: Logger;
  readonly #log: ThrottledLog;
  readonly #size: number;
  /** Descriptors that must be free in addition to the reserve before clients are accepted again. */
  readonly #margin: number;
  readonly #timer: NodeJS.Timeout;
  /** Empty while the process is out of descriptors. */
  #held: number[] = [];
  #isUsed = false;
  /** Clients refused since the last log line. */
  #refused = 0;

  /** @param logger - gets one line a second while the process is out of descriptors */
  constructor(logger: Logger) {
    this.#logger = logger;
    this.#log = new ThrottledLog(logger);
    const limit = readLimit() ?? Number.POSITIVE_INFINITY;
    this.#size = Math.min(RESERVE_SIZE, Math.floor(limit / MAX_PART_OF_LIMIT));
    this.#margin = Math.ceil(this.#size / 4);
    this.#fill();
    this.#timer = setInterval(() => this.#check(), CHECK_INTERVAL_MS).unref();
  }

  /** True while the process is out of descriptors and uses those of the reserve. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Returns false while only descriptors of the reserve are left: a new client must be refused. */
  hasRoom(): boolean {
    if (!this.#isUsed && !this.#hasRunOut()) return true;
    this.#refused += 1;
    return false;
  }

  /** Frees the reserve if fewer descriptors are left than starting a child process takes. */
  makeRoom(): void {
    if (this.#isUsed) return;
    const opened: number[] = [];
    let code: string | undefined;
    while (code === undefined && opened.length < STEP_SIZE) code = tryOpen(opened);
    for (const descriptor of opened) closeSync(descriptor);
    if (code !== undefined) this.#use(code);
  }

  /** Closes the descriptors and stops the checks. */
  close(): void {
    clearInterval(this.#timer);
    this.#log.close();
    this.#release();
  }

  #check(): void {
    if (!this.#isUsed) {
      this.#hasRunOut();
      return;
    }
    const code = this.#fill();
    if (code !== undefined) {
      this.#report(code);
      return;
    }
    this.#isUsed = false;
    this.#logger.info('file descriptors are free again');
  }

  /** Frees the reserve if no other descriptor is left. */
  #hasRunOut(): boolean {
    const code = tryOpen();
    if (code === undefined) return false;
    this.#use(code);
    return true;
  }

  #use(code: string): void {
    this.#isUsed = true;
    this.#release();
    this.#report(code);
  }

  /** Opens the descriptors of the reserve. On failure it opens none and returns the error code. */
  #fill(): string | undefined {
    const opened: number[] = [];
    let code: string | undefined;
    // More than the reserve: without the margin, the next client would exhaust the descriptors again.
    for (let i = 0; i < this.#size + this.#margin && code === undefined; i += 1) {
      code = tryOpen(opened);
    }
    if (code === undefined) this.#held = opened.splice(0, this.#size);
    for (const descriptor of opened) closeSync(descriptor);
    return code;
  }

  #release(): void {
    for (const descriptor of this.#held) closeSync(descriptor);
    this.#held = [];
  }

  #report(code: string): void {
    const refused = this.#refused;
    this.#refused = 0;
    const fields = { code, limit: readLimit(), refused, hint: hints[code] };
    this.#log.warn(fields, 'too many open files');
  }
}

/**
 * Opens a descriptor.
 *
 * @param kept - list to add it to; without a list it is closed again
 * @returns the error code when no descriptor is left
 */
function tryOpen(kept?: number[]): string | undefined {
  try {
    const descriptor = openSync(OPENED_PATH, 'r');
    if (kept === undefined) closeSync(descriptor);
    else kept.push(descriptor);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Any other error, such as a missing permission, is not about descriptors.
    return exhaustionCodes.has(code) ? String(code) : undefined;
  }
}

/** Soft limit of open files of this process; `undefined` on systems without /proc, such as macOS. */
function readLimit(): number | undefined {
  try {
    const [, limit] =
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}
