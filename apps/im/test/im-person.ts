import { eventually } from '@gatewayworker/testing';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

/** Options of a user and the device. */
export interface ImPersonOptions extends BrowserContextOptions {
  readonly address: string;
  readonly name: string;
}

/** A user at the page of one device. */
export class ImPerson {
  readonly page: Page;
  readonly name: string;
  readonly password: string;
  readonly #address: string;

  private constructor(page: Page, { address, name }: ImPersonOptions) {
    this.page = page;
    this.name = name;
    this.#address = address;
    this.password = `${name} and a secret`;
  }

  /** Opens the page on a new device without a login. */
  static async open(browser: Browser, options: ImPersonOptions): Promise<ImPerson> {
    const person = await ImPerson.#newDevice(browser, options);
    await person.page.goto(options.address);
    return person;
  }

  /** Creates an account over HTTP, which is faster than the page; `load` opens the page. */
  static async create(
    browser: Browser,
    options: ImPersonOptions,
    nickname: string,
  ): Promise<ImPerson> {
    const person = await ImPerson.#newDevice(browser, options);
    const { name, password } = person;
    await person.post('/api/register', { name, password, nickname, cookie: true });
    return person;
  }

  static async #newDevice(browser: Browser, options: ImPersonOptions): Promise<ImPerson> {
    const { address: _address, name: _name, ...contextOptions } = options;
    const context = await browser.newContext(contextOptions);
    const page = await context.newPage();
    // Long, because it only ends a test that hangs.
    page.setDefaultTimeout(60_000);
    return new ImPerson(page, options);
  }

  /** Calls the HTTP API with the cookies of this device; returns the parsed answer. */
  async post(path: string, data: object = {}): Promise<unknown> {
    const { origin } = new URL(this.#address);
    const response = await this.page.request.post(`${origin}${path}`, {
      headers: { origin },
      data,
    });
    expect(response.ok(), `${path}: ${response.status()}`).toBe(true);
    return await response.json();
  }

  /** The id of this account; the device must be logged in. */
  async id(): Promise<string> {
    const { origin } = new URL(this.#address);
    const { me } = await (await this.page.request.get(`${origin}/api/me`)).json();
    return me.id;
  }

  /** Opens the page of a device that is logged in. */
  async load(): Promise<void> {
    await this.page.goto(this.#address);
    await this.untilConnected();
  }

  async register(nickname?: string): Promise<void> {
    const { page } = this;
    await page.getByRole('tab', { name: 'Register' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill(this.name);
    if (nickname !== undefined) {
      await page.getByRole('textbox', { name: 'Nickname' }).fill(nickname);
    }
    await page.getByLabel('Password').fill(this.password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await this.untilConnected();
  }

  async logIn(password: string = this.password): Promise<void> {
    const { page } = this;
    await page.getByRole('textbox', { name: 'Name or phone' }).fill(this.name);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
  }

  /** Waits for `ready` of the server. */
  async untilConnected(): Promise<void> {
    await this.page.locator('html[data-connection="open"]').waitFor();
  }

  /** When the current connection was opened, by the clock of the page. */
  async connectedAt(): Promise<number> {
    return Number(await this.page.locator('html').getAttribute('data-connected-at'));
  }

  async showTab(name: 'Chats' | 'People'): Promise<void> {
    await this.page.getByRole('tab', { name }).click();
  }

  /** Finds a user by name, and presses a button of the result. */
  async find(name: string, action: 'Add' | 'Write'): Promise<void> {
    await this.showTab('People');
    await this.page.getByRole('searchbox', { name: 'Find people' }).fill(name);
    const row = this.page.locator(`[data-user="${name}"]`);
    await row.getByRole('button', { name: action }).click();
  }

  /** Makes both friends: this user sends the request, the other one accepts. */
  async befriend(other: ImPerson): Promise<void> {
    await this.find(other.name, 'Add');
    await other.showTab('People');
    const request = other.page.locator(`[data-user="${this.name}"]`);
    await request.getByRole('button', { name: 'Accept' }).click();
    await request.getByRole('button', { name: 'Write' }).waitFor();
    await other.showTab('Chats');
    await this.showTab('Chats');
  }

  /** Opens a conversation from the list. */
  async openChat(title: string): Promise<void> {
    await this.showTab('Chats');
    await this.chat(title).click();
    await this.page.getByRole('heading', { level: 1, name: title }).waitFor();
  }

  /** A row of the list of conversations. */
  chat(title: string): Locator {
    return this.page.locator('.conversation').filter({
      has: this.page.locator('.conversation-title').getByText(title, { exact: true }),
    });
  }

  /** The unread count of the list; 0 without a badge. */
  async unread(title: string): Promise<number> {
    // One call: with two, a badge that disappears in between would be waited for.
    const [badge] = await this.chat(title).locator('.badge').allTextContents();
    return badge === undefined ? 0 : Number.parseInt(badge, 10);
  }

  get field(): Locator {
    return this.page.getByRole('textbox', { name: /^Message to / });
  }

  /** Writes a message in the open conversation, and sends it with Enter. */
  async write(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press('Enter');
  }

  /** A message of the open conversation. */
  message(text: string): Locator {
    return this.page.locator('.message .text').getByText(text, { exact: true });
  }

  /** All messages of the open conversation, from the top: the texts, pictures as `[picture]`. */
  async messages(): Promise<string[]> {
    return await this.page.locator('.message').evaluateAll((elements) =>
      elements.map((element) => {
        const picture = element.querySelector('.picture') === null ? '' : '[picture]';
        const text = element.querySelector('.text')?.textContent ?? '';
        return `${picture}${picture !== '' && text !== '' ? ' ' : ''}${text}`;
      }),
    );
  }

  /** Waits until the open conversation shows exactly these messages, in this order, all stored. */
  async sees(messages: readonly string[], timeoutMs = 60_000): Promise<void> {
    await eventually(
      async () => {
        expect(await this.messages()).toEqual(messages);
        expect(await this.page.locator('.message.outgoing').count()).toBe(0);
        return true;
      },
      { timeoutMs, intervalMs: 50 },
    );
  }

  /** The progress of a message of this user: Sending, Sent, Delivered or Read. */
  async progressOf(text: string): Promise<string | null> {
    const message = this.page.locator('.message.own').filter({
      has: this.page.getByText(text, { exact: true }),
    });
    return await message.getByRole('img', { name: /^\w+$/ }).getAttribute('aria-label');
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
