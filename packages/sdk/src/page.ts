type PageListener = (event: { persisted?: boolean }) => void;

/** What the client uses of an event target of a browser. */
interface PageTarget {
  addEventListener(type: string, listener: PageListener, options: { signal: AbortSignal }): void;
}

/** What the client uses of the global object of a browser. Node.js has nothing of it, or a part. */
export interface Page extends Partial<PageTarget> {
  readonly document?: PageTarget & { readonly visibilityState: string };
  readonly navigator?: { readonly onLine?: boolean; readonly locks?: PageLocks };
  readonly sessionStorage?: PageStorage;
}

/** The lock manager of a browser. */
export interface PageLocks {
  request(
    name: string,
    options: { signal: AbortSignal },
    callback: () => Promise<void>,
  ): Promise<unknown>;
}

/** The storage of a browser. */
export interface PageStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** The global object, as far as the client uses it. */
export const page: Page = globalThis as Page;

/** What happens to a page. */
export interface PageEvents {
  /** The network is back, or the page is visible again. */
  wake(): void;
  /** The page ends. */
  end(): void;
  /** The page is shown again after the back/forward cache, in which its connections have ended. */
  restore(): void;
}

/** Calls functions for the events of the page, until the signal is aborted. */
export function watchPage(signal: AbortSignal, { wake, end, restore }: PageEvents): void {
  const { document } = page;
  const listen = (
    target: Partial<PageTarget> | undefined,
    type: string,
    listener: PageListener,
  ): void => target?.addEventListener?.(type, listener, { signal });
  listen(page, 'online', wake);
  listen(page, 'pagehide', ({ persisted }) => persisted === true || end());
  listen(page, 'pageshow', ({ persisted }) => persisted === true && restore());
  listen(document, 'visibilitychange', () => document?.visibilityState === 'visible' && wake());
  // Chrome unfreezes a page.
  listen(document, 'resume', wake);
}
