import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Logger } from './logger.ts';
import { ThrottledLog } from './throttled-log.ts';

/** Descriptors of the reserve: enough to start a process, reopen a log and answer several clients at once. */
const RESERVE_SIZE = 32;

/** The reserve takes at most this part of the limit, so that a process with a low limit keeps the most of it. */
const MAX_PART_OF_LIMIT = 16;

/** Descriptors that the start of a process takes: its pipes, those of the system call, and its control connection. */
const STEP_SIZE = 16;

/** How often the reserve looks whether descriptors have run out, or have come back, in milliseconds. */
const CHECK_INTERVAL_MS = 1000;

/** Can be opened in every folder tree, also where there is no `/dev`. */
const OPENED_PATH = '/';

/** What the system answers when it has no descriptor left for this process, or for any process. */
const exhaustionCodes: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

const hints: Readonly<Record<string, string>> = {
  EMFILE:
    'raise the limit of open files: ulimit -n, LimitNOFILE= in systemd, --ulimit nofile= in Docker',
  ENFILE: 'raise the limit of the system: sysctl fs.file-max',
  ENOMEM: 'the system is out of memory',
};

/**
 * File descriptors that a process keeps open, to close them when it runs out of descriptors: what matters more
 * than a new client, such as an inner link, a log file or a report, still finds some.
 *
 * Without it nothing tells a server that it is out of descriptors: libuv accepts each connection on a
 * descriptor of its own and closes it, without an event.
 */
export class DescriptorReserve {
  readonly #logger: Logger;
  readonly #log: ThrottledLog;
  readonly #size: number;
  /** Descriptors that must be free beside the reserve before clients may have them again. */
  readonly #margin: number;
  readonly #timer: NodeJS.Timeout;
  /** Empty while the process is out of descriptors. */
  #held: number[] = [];
  #isUsed = false;
  /** Clients without a descriptor since the last line of the log. */
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

  /** Whether the process has run out of descriptors and uses those of the reserve. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Tells whether a new client may have a descriptor: false while only those of the reserve are left. */
  hasRoom(): boolean {
    if (!this.#isUsed && !this.#hasRunOut()) return true;
    this.#refused += 1;
    return false;
  }

  /** Opens the reserve to the process when too few descriptors are left for a step such as the start of a process. */
  makeRoom(): void {
    if (this.#isUsed) return;
    const opened: number[] = [];
    let code: string | undefined;
    while (code === undefined && opened.length < STEP_SIZE) code = tryOpen(opened);
    for (const descriptor of opened) closeSync(descriptor);
    if (code !== undefined) this.#use(code);
  }

  /** Closes the descriptors, and looks no more. */
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
    this.#logger.info('there are free file descriptors again');
  }

  /** Opens the reserve to the process when no other descriptor is left. */
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

  /** Opens the descriptors of the reserve; answers why it cannot, and keeps none then. */
  #fill(): string | undefined {
    const opened: number[] = [];
    let code: string | undefined;
    // More than the reserve: by one alone it would be used up again at once.
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
 * @param kept - gets it; it is closed again when this is absent
 * @returns the code of the error when none is left
 */
function tryOpen(kept?: number[]): string | undefined {
  try {
    const descriptor = openSync(OPENED_PATH, 'r');
    if (kept === undefined) closeSync(descriptor);
    else kept.push(descriptor);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Anything else, such as a permission that the process lacks, says nothing about descriptors.
    return exhaustionCodes.has(code) ? String(code) : undefined;
  }
}

/** Soft limit of open files of this process; `undefined` where the system does not tell it in a file. */
function readLimit(): number | undefined {
  try {
    const [, limit] =
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    // macOS has no such file.
    return undefined;
  }
}
