import { type Dirent, type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { extname, join } from 'node:path';
import { type Logger, toError } from '@gatewayworker/core';

/** Options of a watcher. */
export interface FileWatcherOptions {
  /** Absolute paths of files whose changes are ignored. */
  readonly ignored: readonly string[];
  readonly logger: Logger;
  /** Receives the absolute paths that changed. Changes until it resolves lead to one more call. */
  onChange(paths: readonly string[]): Promise<void>;
}

const extensions = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']);
/** Time in which changes count as one, in milliseconds: editors and version control write several files. */
const COALESCE_MS = 100;

/** Watches the sources below a folder, except in `node_modules` and folders that begin with a dot. */
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

  /** Watches a folder and its subfolders; returns the sources in them. */
  #watchFolder(folder: string): string[] {
    let entries: Dirent[];
    try {
      const watcher = watch(folder, (_, name) => this.#onEvent(folder, name));
      watcher.on('error', () => this.#forgetFolder(folder));
      this.#watchers.set(folder, watcher);
      entries = readdirSync(folder, { withFileTypes: true });
    } catch (error) {
      // A folder that was removed needs no watch; any other failure is reported.
      if (!isMissing(error)) {
        this.#options.logger.warn({ err: toError(error), folder }, 'cannot watch a folder');
      }
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
    if (this.#isSource(path)) this.#add([path]);
    else if (isWatched(name)) this.#checkFolder(path);
  }

  #checkFolder(path: string): void {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    if (!isFolder) this.#forgetFolder(path);
    else if (!this.#watchers.has(path)) this.#add(this.#watchFolder(path));
  }

  #isSource(path: string): boolean {
    return extensions.has(extname(path)) && !this.#ignored.has(path);
  }

  #add(paths: readonly string[]): void {
    for (const path of paths) this.#changed.add(path);
    if (this.#changed.size === 0 || this.#isReporting) return;
    // Further changes do not restart the timer: a file that changes constantly must not delay the report.
    this.#timer ??= setTimeout(() => void this.#report(), COALESCE_MS);
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
      if (!this.#isClosed) this.#add([]);
    }
  }
}

function isWatched(folderName: string): boolean {
  return folderName !== 'node_modules' && !folderName.startsWith('.');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
