import { type Dirent, type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { extname, join } from 'node:path';
import { type Logger, toError } from '@gatewayworker/core';

/** What a watcher does with what it sees. */
export interface FileWatcherOptions {
  /** Absolute paths of files whose changes mean nothing. */
  readonly ignored: readonly string[];
  readonly logger: Logger;
  /** Gets the absolute paths that changed; what changes until it resolves leads to one more call. */
  onChange(paths: readonly string[]): Promise<void>;
}

const extensions = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']);
/** An editor and a version control system write several files for one change. */
const GATHERING_MS = 100;

/** Watches the sources in a folder and all folders in it, but for `node_modules` and those with a dot. */
export class FileWatcher {
  readonly #options: FileWatcherOptions;
  readonly #ignored: ReadonlySet<string>;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #isReporting = false;
  #isClosed = false;

  /** @param folder - absolute path */
  constructor(folder: string, options: FileWatcherOptions) {
    this.#options = options;
    this.#ignored = new Set(options.ignored);
    this.#watchFolder(folder);
  }

  /** Ends the watch. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Answers the sources that were found in it. */
  #watchFolder(folder: string): string[] {
    let entries: Dirent[];
    try {
      const watcher = watch(folder, (_, name) => this.#onEvent(folder, name));
      watcher.on('error', () => this.#forgetFolder(folder));
      this.#watchers.set(folder, watcher);
      entries = readdirSync(folder, { withFileTypes: true });
    } catch (error) {
      // A folder that is gone again is none to watch; any other reason is the user's to know.
      if (!isMissing(error)) this.#options.logger.warn(toError(error), `cannot watch ${folder}`);
      return [];
    }
    return entries.flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return isWatched(entry.name) ? this.#watchFolder(path) : [];
      return this.#isSource(path) ? [path] : [];
    });
  }

  #forgetFolder(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #onEvent(folder: string, name: string | null): void {
    if (name === null || this.#isClosed) return;
    const path = join(folder, name);
    if (this.#isSource(path)) this.#note([path]);
    else if (isWatched(name)) this.#lookAtFolder(path);
  }

  #lookAtFolder(path: string): void {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    if (!isFolder) this.#forgetFolder(path);
    else if (!this.#watchers.has(path)) this.#note(this.#watchFolder(path));
  }

  #isSource(path: string): boolean {
    return extensions.has(extname(path)) && !this.#ignored.has(path);
  }

  #note(paths: readonly string[]): void {
    for (const path of paths) this.#changed.add(path);
    if (this.#changed.size === 0 || this.#isReporting) return;
    // Not put off by further changes: a file that is written all the time must not hide the others.
    this.#timer ??= setTimeout(() => void this.#report(), GATHERING_MS);
  }

  async #report(): Promise<void> {
    this.#timer = undefined;
    const paths = [...this.#changed];
    this.#changed.clear();
    this.#isReporting = true;
    try {
      await this.#options.onChange(paths);
    } finally {
      this.#isReporting = false;
      if (!this.#isClosed) this.#note([]);
    }
  }
}

function isWatched(folderName: string): boolean {
  return folderName !== 'node_modules' && !folderName.startsWith('.');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
