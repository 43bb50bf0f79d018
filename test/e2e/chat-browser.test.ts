import { requestStatus } from '@gatewayworker/supervisor';
import { eventually, freePorts } from '@gatewayworker/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { launchBrowser } from './browser.ts';
import { type Example, startExample } from './start-example.ts';

let chat: Example;
let browser: Browser;
let address: string;
let gatewayAddress: string;
/** The pages of two people, which the tests share; each test has a room of its own. */
let ada: Page;
let grace: Page;

/** For a wait of seconds: each look at a page takes time of its browser. */
const longWait = { timeoutMs: 120_000, intervalMs: 100 };

beforeAll(async () => {
  const [pagePort, gatewayPort, registerPort, innerPort] = await freePorts(5);
  address = `http://127.0.0.1:${pagePort}`;
  gatewayAddress = `127.0.0.1:${gatewayPort}`;
  const env = {
    CHAT_PAGE_PORT: String(pagePort),
    CHAT_GATEWAY_PORT: String(gatewayPort),
    CHAT_REGISTER_PORT: String(registerPort),
    CHAT_INNER_PORT: String(innerPort),
  };
  [chat, browser] = await Promise.all([startExample('start.ts', env), launchBrowser()]);
  ada = await openPerson('Ada', 'lobby');
  // On different gateways: the kernel chooses the process that accepts a connection, until it chooses the other one.
  grace = await eventually(async () => {
    const page = await openPerson('Grace', 'lobby');
    if ((await gatewayOf(page)) !== (await gatewayOf(ada))) return page;
    await page.context().close();
    return undefined;
  }, longWait);
});

afterAll(async () => {
  await browser?.close();
  await chat?.dispose();
});

test('chat: prints the address of the page', async () => {
  await eventually(() => chat.cluster.output().includes(`Chat: ${address}`));
});

test('chat page: may load only its own files and connect only to its gateway', async () => {
  const response = await fetch(address);
  const policy = response.headers.get('content-security-policy')?.split('; ');
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain(`connect-src 'self' ws://${gatewayAddress} wss://${gatewayAddress}`);
  expect(await fetch(`${address}/%2e%2e/events.js`)).toMatchObject({ status: 404 });
});

test('chat page: a message reaches all in the room, the own one is marked', async () => {
  await meet('study');
  await write(ada, 'Good morning');
  await seeMessage(grace, 'Good morning');
  await write(grace, 'Good morning, Ada');
  // Either page may show it first.
  for (const page of [ada, grace]) await seeMessage(page, 'Good morning, Ada');
  expect(await messages(ada)).toEqual(['own: Good morning', 'Grace: Good morning, Ada']);
  expect(await messages(grace)).toEqual(['Ada: Good morning', 'own: Good morning, Ada']);
});

test('chat page: the reply to a private message is private', async () => {
  await meet('attic');
  await ada.getByRole('button', { name: 'Grace' }).click();
  await write(ada, 'Psst');
  await seePrivateMessage(grace, 'Psst');
  await seePrivateMessage(ada, 'Psst');
  await grace.getByRole('button', { name: 'Reply' }).click();
  await write(grace, 'Yes?');
  await seePrivateMessage(ada, 'Yes?');
});

test('chat page: a private message reaches only one of two people of a name', async () => {
  await meet('tower');
  const namesake = await openPerson('Grace', 'tower');
  onTestFinished(() => namesake.context().close());
  const tag = (await clientIdOf(grace)).slice(-4);
  await namesake.getByRole('button', { name: `Grace ${tag}` }).click();
  await write(namesake, 'To my namesake');
  await seePrivateMessage(grace, 'To my namesake');
  await seePrivateMessage(namesake, 'To my namesake');

  // A later message takes the same way: once it has arrived, the private one would have, too.
  await namesake.keyboard.press('Escape');
  await write(namesake, 'And this is for all');
  await seeMessage(ada, 'And this is for all');
  await seeMessage(grace, 'And this is for all');
  expect(await messages(ada)).toEqual(['Grace: And this is for all']);
  expect(await messages(grace)).toEqual(['Grace: To my namesake', 'Grace: And this is for all']);
});

test('chat page: markup is shown as text', async () => {
  await meet('workshop');
  const markup = '<img src=x onerror="document.title=\'hacked\'"><b>bold</b>';
  await write(ada, markup);
  await seeMessage(grace, markup);
  expect(await grace.locator('#log img, #log b').count()).toBe(0);
  expect(await grace.title()).not.toContain('hacked');
});

test('chat page: entering another room leaves the first', async () => {
  await meet('kitchen');
  await enterRoom(grace, 'garden');
  await seeNotice(ada, /Grace.* left/);
  await expectPeople(ada, ['Ada']);

  await write(ada, 'Is anybody here?');
  await seeMessage(ada, 'Is anybody here?');
  await enterRoom(ada, 'garden');
  await seeNotice(grace, /Ada.* joined/);
  await expectPeople(grace, ['Grace', 'Ada']);
  await write(ada, 'There you are');
  await seeMessage(grace, 'There you are');
  expect(await messages(grace)).toEqual(['Ada: There you are']);
});

test('chat page: a reload keeps name, room and messages; another room starts empty', async () => {
  await meet('library');
  await write(grace, 'Quiet, please');
  await write(ada, 'Sorry');
  await seeMessage(ada, 'Quiet, please');
  await seeMessage(ada, 'Sorry');
  const before = await messages(ada);
  const clientId = await clientIdOf(ada);
  await ada.goto('about:blank');
  await write(grace, 'Still there?');
  await seeMessage(grace, 'Still there?');
  await ada.goBack();
  await eventually(() => isIn(ada, 'Ada', 'library'));
  expect(await messages(ada)).toEqual([...before, 'Grace: Still there?']);
  expect(await clientIdOf(ada)).toBe(clientId);
  await write(grace, 'Welcome back');
  await seeMessage(ada, 'Welcome back');
  await enterRoom(ada, 'cellar');
  await eventually(async () => expect(await messages(ada)).toEqual([]));
  await ada.reload();
  await eventually(() => isIn(ada, 'Ada', 'cellar'));
  expect(await messages(ada)).toEqual([]);
});

test('chat page: a long run of one sender shows the name again', async () => {
  await meet('stage');
  // Two groups of eight, and the first line of the next.
  for (let line = 1; line <= 17; line += 1) await write(grace, `Line ${line}`);
  await seeMessage(ada, 'Line 17');
  const names = ada.locator('.message.first .author:visible');
  expect(await names.allTextContents()).toEqual(['Grace', 'Grace', 'Grace']);
});

test('chat page: web addresses are links, and other schemes stay text', async () => {
  await meet('harbour');
  const text = 'See https://example.com/a?b=1, (http://example.org) javascript:alert(1) "https://';
  await write(grace, text);
  await seeMessage(ada, text);
  const links = ada.locator('#log .text a');
  const targets = await links.evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  expect(targets).toEqual(['https://example.com/a?b=1', 'http://example.org']);
  expect(await links.first().getAttribute('rel')).toBe('noopener noreferrer');
});

test('chat page: offline and kill -9 of the gateways, no message is lost or doubled', async () => {
  await meet('bridge');
  const ids = [await clientIdOf(ada), await clientIdOf(grace)];
  // A reload of the page would lose it.
  for (const page of [ada, grace]) await page.evaluate('globalThis.mark = 1');
  const say = async (page: Page, texts: readonly string[]) => {
    for (const text of texts) await write(page, text);
  };
  await ada.context().setOffline(true);
  await say(grace, ['G1', 'G2', 'G3']);
  for (const pid of await pidsOf('gateway')) process.kill(pid, 'SIGKILL');
  await ada.locator('html[data-connection=lost]').waitFor();
  await say(grace, ['G4', 'G5', 'G6']);
  await say(ada, ['A1', 'A2', 'A3']);
  await expect(ada.locator('.waiting .text').allTextContents()).resolves.toEqual([
    'A1',
    'A2',
    'A3',
  ]);
  await ada.context().setOffline(false);
  for (const page of [ada, grace]) {
    const texts = await eventually(async () => {
      const shown = await page.locator('#log .text').allTextContents();
      // There is no order between two senders.
      expect(shown.toSorted()).toEqual(['A1', 'A2', 'A3', 'G1', 'G2', 'G3', 'G4', 'G5', 'G6']);
      expect(await page.locator('.waiting').count()).toBe(0);
      return shown;
    }, longWait);
    for (const sender of ['A', 'G']) {
      const own = texts.filter((text) => text.startsWith(sender));
      expect(own).toEqual(own.toSorted());
    }
    expect(await page.evaluate('globalThis.mark')).toBe(1);
    await eventually(() => isIn(page, page === ada ? 'Ada' : 'Grace', 'bridge'));
  }
  expect([await clientIdOf(ada), await clientIdOf(grace)]).toEqual(ids);
  await expectPeople(ada, ['Ada', 'Grace']);
  await expectPeople(grace, ['Grace', 'Ada']);
  await eventually(async () => (await pidsOf('gateway')).length === 2);
});

test('chat page: connects after its worker was killed during the greeting', async () => {
  const pids = await pidsOf('business-worker');
  // A message now is in flight to a process that will never handle it.
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const page = await openPage();
  onTestFinished(() => page.context().close());
  await eventually(async () => {
    const status = await requestStatus(chat.pidFile);
    return status?.processes.some(({ inFlight }) => (inFlight ?? 0) > 0);
  });
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await eventually(async () => (await readClientId(page)) !== null, longWait);
});

test('chat page: people on different gateways see each other join and leave', async () => {
  await meet('hall');
  await seeNotice(ada, /Grace.* joined/);
  await expectPeople(grace, ['Grace', 'Ada']);

  await grace.close();
  await seeNotice(ada, /Grace.* left/);
  await expectPeople(ada, ['Ada']);
});

/** Has Ada and then Grace enter an empty room. */
async function meet(room: string): Promise<void> {
  await enterRoom(ada, room);
  await enterRoom(grace, room);
  await expectPeople(ada, ['Ada', 'Grace']);
}

async function openPage(): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(address);
  return page;
}

async function openPerson(name: string, room: string): Promise<Page> {
  const page = await openPage();
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByRole('combobox', { name: 'Room' }).fill(room);
  await page.getByRole('button', { name: 'Enter the room' }).click();
  await eventually(() => isIn(page, name, room), longWait);
  return page;
}

/** Tells whether this person is in the room, on the current connection. */
async function isIn(page: Page, name: string, room: string): Promise<boolean> {
  if ((await page.locator('html').getAttribute('data-connection')) !== 'open') return false;
  const heading = await page.getByRole('heading', { level: 1 }).textContent();
  const [own] = await people(page);
  return heading === `#${room}` && own === name;
}

/** The id of the session, or null. */
async function readClientId(page: Page): Promise<string | null> {
  return await page.locator('html').getAttribute('data-client-id');
}

async function clientIdOf(page: Page): Promise<string> {
  const clientId = await readClientId(page);
  if (clientId === null) throw new Error('the page is not connected');
  return clientId;
}

/** The part of a client id that all clients of one gateway process share. */
async function gatewayOf(page: Page): Promise<string> {
  return (await clientIdOf(page)).slice(0, 5);
}

async function pidsOf(role: string): Promise<number[]> {
  const processes = await chat.cluster.status();
  return processes.filter((one) => one.role === role).map(({ pid }) => pid);
}

/** Names in the list of people, one's own first. */
async function people(page: Page): Promise<string[]> {
  return await page.locator('#people bdi').allTextContents();
}

async function expectPeople(page: Page, names: readonly string[]): Promise<void> {
  await eventually(async () => expect(await people(page)).toEqual(names));
}

async function enterRoom(page: Page, room: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Another room' }).fill(room);
  await page.getByRole('button', { name: 'Enter that room' }).click();
  await page.getByRole('heading', { level: 1, name: room }).waitFor();
}

/** Types a message and sends it with the Enter key. */
async function write(page: Page, text: string): Promise<void> {
  const field = page.getByRole('textbox', {
    name: /^(Message to the room|Private message to .+)$/,
  });
  await field.fill(text);
  await field.press('Enter');
}

/** Messages in the log, each as `author: text`. */
async function messages(page: Page): Promise<string[]> {
  return await page.locator('#log .message').evaluateAll((elements) =>
    elements.map((element) => {
      const part = (selector: string) => element.querySelector(selector)?.textContent ?? '';
      const author = element.classList.contains('own') ? 'own' : part('.author bdi');
      return `${author}: ${part('.text')}`;
    }),
  );
}

async function seeNotice(page: Page, text: RegExp): Promise<void> {
  await page.locator('#log .notice').filter({ hasText: text }).first().waitFor();
}

async function seeMessage(page: Page, text: string): Promise<void> {
  await page.locator('#log .text').getByText(text, { exact: true }).waitFor();
}

async function seePrivateMessage(page: Page, text: string): Promise<void> {
  await page.locator('#log .private-message .text').getByText(text, { exact: true }).waitFor();
}
