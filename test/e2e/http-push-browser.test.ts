import { eventually, freePorts } from '@gatewayworker/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { type Example, startExample } from './start-example.ts';

let example: Example;
let browser: Browser;
let address: string;
/** The pages of two users, which the tests share. */
let ada: Page;
let grace: Page;

/** For a wait of seconds: each look at a page takes time of its browser. */
const longWait = { timeoutMs: 120_000, intervalMs: 100 };

beforeAll(async () => {
  const [port, gatewayPort, registerPort, innerPort] = await freePorts(5);
  address = `http://127.0.0.1:${port}`;
  const env = {
    // Without a key: the master creates one for all processes.
    PUSH_KEY: '',
    PUSH_PORT: String(port),
    PUSH_GATEWAY_PORT: String(gatewayPort),
    PUSH_REGISTER_PORT: String(registerPort),
    PUSH_INNER_PORT: String(innerPort),
  };
  const file = 'examples/http-push/start.ts';
  [example, browser] = await Promise.all([startExample(file, env), launchBrowser()]);
  [ada, grace] = await Promise.all([openPerson('Ada'), openPerson('Grace')]);
});

afterAll(async () => {
  await browser?.close();
  await example?.dispose();
});

test('push page: two users get the pushes to them and to the topic', async () => {
  await seePeople(ada, ['Ada', 'Grace']);
  await seePeople(grace, ['Ada', 'Grace']);
  await push(ada, 'Good morning, all');
  await push(ada, 'Good morning, Grace', 'Grace');
  await eventually(async () =>
    expect(await pushes(grace)).toEqual([
      'Ada only to you: Good morning, Grace',
      'Ada #news: Good morning, all',
    ]),
  );
  await eventually(async () => expect(await pushes(ada)).toEqual(['Ada #news: Good morning, all']));
});

test('push page: pushes are a list in a log, and buttons have enough contrast', async () => {
  await push(ada, 'Hello');
  const items = ada.getByRole('log', { name: 'Pushes' }).getByRole('list').getByRole('listitem');
  await items.filter({ hasText: 'Hello' }).waitFor();
  // The next test reads what Grace has received.
  await eventually(async () => expect((await pushes(grace))[0]).toBe('Ada #news: Hello'));
  for (const colorScheme of ['light', 'dark'] as const) {
    await ada.emulateMedia({ colorScheme });
    const style = "getComputedStyle(document.querySelector('#compose .primary'))";
    const colors = await ada.evaluate<string[]>(`[${style}.color, ${style}.backgroundColor]`);
    expect(contrast(colors), colorScheme).toBeGreaterThanOrEqual(4.5);
  }
});

test('push page: resumes after kill -9 of its gateway, gets the next push', async () => {
  const ids = [await clientIdOf(ada), await clientIdOf(grace)];
  const earlier = await pushes(grace);
  const gateways = (await example.cluster.status()).filter(({ role }) => role === 'gateway');
  for (const { pid } of gateways) process.kill(pid, 'SIGKILL');
  await Promise.all([ada, grace].map((page) => page.waitForSelector('[data-connection=lost]')));
  for (const page of [ada, grace]) await eventually(() => isBound(page), longWait);
  expect([await clientIdOf(ada), await clientIdOf(grace)]).toEqual(ids);
  // The app answers 503 until it is linked to the new gateways.
  await eventually(async () => (await ada.request.get(`${address}/online`)).ok());
  await push(ada, 'Are you back?', 'Grace');
  await eventually(async () =>
    expect(await pushes(grace)).toEqual(['Ada only to you: Are you back?', ...earlier]),
  );
});

test('push page: a user whose page is closed leaves the list', async () => {
  await seePeople(ada, ['Ada', 'Grace']);
  await grace.close();
  await seePeople(ada, ['Ada']);
});

test('push page: a reload keeps the login, a log-out ends it on every page', async () => {
  await ada.reload();
  await eventually(() => isBound(ada));
  const second = await ada.context().newPage();
  await second.goto(address);
  await eventually(() => isBound(second));
  await ada.getByRole('button', { name: 'Log out' }).click();
  await ada.getByRole('textbox', { name: 'Your name' }).waitFor();
  await second.getByRole('textbox', { name: 'Your name' }).waitFor();
  await second.close();
});

test('push page: markup is shown as text, and a new login starts without pushes', async () => {
  const markup = '<img src=x onerror="document.title=\'hacked\'"><b>bold</b>';
  await logIn(ada, '<i>Ada</i>');
  await push(ada, markup);
  await eventually(async () => expect(await pushes(ada)).toEqual([`<i>Ada</i> #news: ${markup}`]));
  expect(await ada.locator('#board i, #pushes img, #pushes b').count()).toBe(0);
  expect(await ada.title()).toBe('Push');
});

/**
 * The contrast of two opaque colours, such as `rgb(255, 255, 255)`.
 *
 * Source: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
 */
function contrast(colors: readonly string[]): number {
  const luminances = colors.map((color) => {
    const channels = (color.match(/\d+/g) ?? []).map((channel) => {
      const part = Number(channel) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    const [red = 0, green = 0, blue = 0] = channels;
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
  return (Math.max(...luminances) + 0.05) / (Math.min(...luminances) + 0.05);
}

async function openPerson(name: string): Promise<Page> {
  // A context of its own, with its own cookies.
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(address);
  await logIn(page, name);
  return page;
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByRole('button', { name: 'Log in' }).click();
  await eventually(() => isBound(page), longWait);
}

/** Tells whether the app has bound the connection that is open now. */
async function isBound(page: Page): Promise<boolean> {
  return (await page.locator('html').getAttribute('data-connection')) === 'open';
}

async function clientIdOf(page: Page): Promise<string> {
  return (await page.locator('html').getAttribute('data-client-id')) ?? '';
}

async function seePeople(page: Page, names: readonly string[]): Promise<void> {
  await eventually(async () =>
    expect(await page.locator('#people bdi').allTextContents()).toEqual(names),
  );
}

/** Pushes to one user or to the topic, and waits until the app has accepted it. */
async function push(page: Page, text: string, to?: string): Promise<void> {
  const receiver = page.getByRole('combobox', { name: 'To' });
  await receiver.selectOption(to === undefined ? { index: 0 } : { label: to });
  const field = page.getByRole('textbox', { name: 'Text' });
  await field.fill(text);
  await field.press('Enter');
  await eventually(async () => (await field.inputValue()) === '');
}

/** What a page has got, the newest first, each as `from label: text`. */
async function pushes(page: Page): Promise<string[]> {
  return await page.locator('#pushes li').evaluateAll((elements) =>
    elements.map((element) => {
      const part = (selector: string) => element.querySelector(selector)?.textContent ?? '';
      return `${part('.from')} ${part('.label')}: ${part('.text')}`;
    }),
  );
}
