import type { Page } from 'playwright-core';
import { launchBrowser } from './browser.ts';

/** What a test needs of a browser, whichever it is. */
export interface TabBrowser {
  open(url: string): Promise<Tab>;
  close(): Promise<void>;
}

/** A tab. */
export interface Tab {
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  back(): Promise<void>;
  setOffline(isOffline: boolean): Promise<void>;
  /** The value of an expression in the page, or of its promise. */
  evaluate<T>(expression: string): Promise<T>;
  /** Opens the same page with a copy of its sessionStorage, like "Duplicate tab" of the browser. */
  duplicate(): Promise<Tab>;
  close(): Promise<void>;
}

/** Starts Chromium without a window. */
export async function launchChromium(): Promise<TabBrowser> {
  const browser = await launchBrowser();
  return {
    async open(url) {
      const page = await (await browser.newContext()).newPage();
      const tab = createTab(page);
      await tab.goto(url);
      return tab;
    },
    close: () => browser.close(),
  };
}

function createTab(page: Page): Tab {
  page.setDefaultTimeout(60_000);
  return {
    goto: async (url) => void (await page.goto(url)),
    reload: async () => void (await page.reload()),
    back: async () => void (await page.goBack({ waitUntil: 'commit' })),
    setOffline: (isOffline) => page.context().setOffline(isOffline),
    evaluate: (expression) => page.evaluate(expression),
    async duplicate() {
      const [popup] = await Promise.all([
        page.waitForEvent('popup'),
        page.evaluate('void open(location.href)'),
      ]);
      return createTab(popup);
    },
    close: () => page.close(),
  };
}
