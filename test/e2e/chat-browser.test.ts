import { symlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { requestStatus } from '@gatewayworker/supervisor';
import {
  type Cluster,
  eventually,
  freePorts,
  startCluster,
  type TemporaryFolder,
  temporaryFolder,
} from '@gatewayworker/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { launchBrowser } from './browser.ts';

const startFile = fileURLToPath(new URL('../../start.ts', import.meta.url));

let folder: TemporaryFolder;
let cluster: Cluster;
let browser: Browser;
let address: string;
let gatewayAddress: string;

beforeAll(async () => {
  const [pagePort, gatewayPort, registerPort, innerPort] = await freePorts(5);
  address = `http://127.0.0.1:${pagePort}`;
  gatewayAddress = `127.0.0.1:${gatewayPort}`;
  // A name of its own gives it its own pid file: an `npm start` may be running already.
  folder = await temporaryFolder('chat-browser');
  const file = `${folder.path}/start.ts`;
  await symlink(startFile, file);
  cluster = await startCluster({
    file,
    env: {
      CHAT_PAGE_PORT: String(pagePort),
      CHAT_GATEWAY_PORT: String(gatewayPort),
      CHAT_REGISTER_PORT: String(registerPort),
      CHAT_INNER_PORT: String(innerPort),
    },
  });
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await cluster?.dispose();
  await folder?.dispose();
});

test('chat: prints the address of the page', async () => {
  await eventually(() => cluster.output().includes(`Chat: ${address}`));
});

test('chat page: may load only its own files and connect only to its gateway', async () => {
  const response = await fetch(address);
  const policy = response.headers.get('content-security-policy')?.split('; ');
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain(`connect-src 'self' ws://${gatewayAddress} wss://${gatewayAddress}`);
  expect(await fetch(`${address}/%2e%2e/events.ts`)).toMatchObject({ status: 404 });
});

test('chat page: people on different gateways see each other join and leave', async () => {
  const { ada, grace } = await openPairOnBoth('hall');
  expect(await gatewayOf(ada)).not.toBe(await gatewayOf(grace));
  await seeNotice(ada, /Grace.* joined/);
  await expectPeople(ada, ['Ada', 'Grace']);
  await expectPeople(grace, ['Grace', 'Ada']);

  await grace.close();
  await seeNotice(ada, /Grace.* left/);
  await expectPeople(ada, ['Ada']);
});

test('chat page: a message reaches all in the room, the own one is marked', async () => {
  const { ada, grace } = await openPairOnBoth('study');
  await write(ada, 'Good morning');
  await seeMessage(grace, 'Good morning');
  await write(grace, 'Good morning, Ada');
  await seeMessage(ada, 'Good morning, Ada');
  expect(await messages(ada)).toEqual(['own: Good morning', 'Grace: Good morning, Ada']);
  expect(await messages(grace)).toEqual(['Ada: Good morning', 'own: Good morning, Ada']);
});

test('chat page: a private message reaches one person only', async () => {
  const { ada, grace } = await openPair('tower');
  const tom = await openPerson('Tom', 'tower');
  await ada.getByRole('button', { name: 'Grace' }).click();
  await write(ada, 'Only between us');
  await seePrivateMessage(grace, 'Only between us');
  await seePrivateMessage(ada, 'Only between us');

  // A later message takes the same way: once it has arrived, the private one would have, too.
  await ada.keyboard.press('Escape');
  await write(ada, 'And this is for all');
  await seeMessage(tom, 'And this is for all');
  expect(await messages(tom)).toEqual(['Ada: And this is for all']);
  expect(await messages(grace)).toEqual(['Ada: Only between us', 'Ada: And this is for all']);
});

test('chat page: the reply to a private message is private', async () => {
  const { ada, grace } = await openPair('attic');
  await ada.getByRole('button', { name: 'Grace' }).click();
  await write(ada, 'Psst');
  await grace.getByRole('button', { name: 'Reply' }).click();
  await write(grace, 'Yes?');
  await seePrivateMessage(ada, 'Yes?');
});

test('chat page: markup is shown as text', async () => {
  const { ada, grace } = await openPair('workshop');
  const markup = '<img src=x onerror="document.title=\'hacked\'"><b>bold</b>';
  await write(ada, markup);
  await seeMessage(grace, markup);
  expect(await grace.locator('#log img, #log b').count()).toBe(0);
  expect(await grace.title()).not.toContain('hacked');
});

test('chat page: entering another room leaves the first', async () => {
  const { ada, grace } = await openPair('kitchen');
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
  const { ada, grace } = await openPair('library');
  await write(grace, 'Quiet, please');
  await write(ada, 'Sorry');
  await seeMessage(ada, 'Quiet, please');
  await seeMessage(ada, 'Sorry');
  const before = await messages(ada);
  await ada.reload();
  await eventually(() => isIn(ada, 'Ada', 'library'));
  expect(await messages(ada)).toEqual(before);
  await write(grace, 'Welcome back');
  await seeMessage(ada, 'Welcome back');
  await enterRoom(ada, 'cellar');
  await eventually(async () => expect(await messages(ada)).toEqual([]));
  await ada.reload();
  await eventually(() => isIn(ada, 'Ada', 'cellar'));
  expect(await messages(ada)).toEqual([]);
});

test('chat page: a long run of one sender shows the name again', async () => {
  const { ada, grace } = await openPair('stage');
  for (let line = 1; line <= 20; line += 1) await write(grace, `Line ${line}`);
  await seeMessage(ada, 'Line 20');
  const names = ada.locator('.message.first .author:visible');
  expect(await names.allTextContents()).toEqual(['Grace', 'Grace', 'Grace']);
});

test('chat page: web addresses are links, and other schemes stay text', async () => {
  const { ada, grace } = await openPair('harbour');
  const text = 'See https://example.com/a?b=1, (http://example.org) javascript:alert(1) "https://';
  await write(grace, text);
  await seeMessage(ada, text);
  const links = ada.locator('#log .text a');
  const targets = await links.evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  expect(targets).toEqual(['https://example.com/a?b=1', 'http://example.org']);
  expect(await links.first().getAttribute('rel')).toBe('noopener noreferrer');
});

test('chat page: two people of the same name have different tags', async () => {
  const first = await openPerson('Sam', 'cellar');
  const second = await openPerson('Sam', 'cellar');
  const secondTag = (await clientIdOf(second)).slice(-4);
  await first.getByRole('button', { name: `Sam ${secondTag}` }).click();
  await write(first, 'To my namesake');
  await seePrivateMessage(second, 'To my namesake');
});

test('chat page: kill -9 of a gateway, its people reconnect, others stay', async () => {
  const pair = await openPairOnBoth('bridge');
  const ids = { ada: await clientIdOf(pair.ada), grace: await clientIdOf(pair.grace) };
  const [pid] = await gatewayPids();
  if (pid === undefined) throw new Error('the status shows no gateway');
  process.kill(pid, 'SIGKILL');

  // Each is on one of the two gateways, so exactly one of them is disconnected.
  const lost = await eventually(async () => {
    if ((await readClientId(pair.ada)) !== ids.ada) return { who: 'Ada', page: pair.ada };
    if ((await readClientId(pair.grace)) !== ids.grace) return { who: 'Grace', page: pair.grace };
    return undefined;
  });
  const stayed = lost.page === pair.ada ? pair.grace : pair.ada;
  await seeNotice(stayed, new RegExp(`${lost.who}.* left`));
  await eventually(() => isIn(lost.page, lost.who, 'bridge'), { timeoutMs: 120_000 });
  await seeNotice(stayed, new RegExp(`${lost.who}.* joined`));
  await expectPeople(stayed, lost.who === 'Ada' ? ['Grace', 'Ada'] : ['Ada', 'Grace']);

  await write(lost.page, 'Did I miss anything?');
  await seeMessage(stayed, 'Did I miss anything?');
  await write(stayed, 'Not a thing');
  await seeMessage(lost.page, 'Not a thing');
  // Each connection has its own id: an unchanged id means that the connection was never lost.
  expect(await clientIdOf(stayed)).toBe(stayed === pair.ada ? ids.ada : ids.grace);
  await eventually(async () => (await gatewayPids()).length === 2);
});

test('chat page: connects after its worker was killed during the greeting', async () => {
  const workers = (await cluster.status()).filter(({ role }) => role === 'business-worker');
  const pids = workers.map(({ pid }) => pid);
  // A message now is in flight to a process that will never handle it.
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(address);
  await eventually(async () => {
    const status = await requestStatus(`${folder.path}/start.pid`);
    return status?.processes.some(({ inFlight }) => (inFlight ?? 0) > 0);
  });
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await eventually(async () => (await readClientId(page)) !== null, { timeoutMs: 120_000 });
});

/** Ada and Grace in a room. */
async function openPair(room: string): Promise<{ ada: Page; grace: Page }> {
  const ada = await openPerson('Ada', room);
  const grace = await openPerson('Grace', room);
  await expectPeople(ada, ['Ada', 'Grace']);
  return { ada, grace };
}

/** Ada and Grace in a room, each on a gateway process of her own. */
async function openPairOnBoth(room: string): Promise<{ ada: Page; grace: Page }> {
  const { ada, grace } = await openPair(room);
  const gateway = await gatewayOf(ada);
  // The kernel chooses the process that accepts a connection: connect until it chooses the other one.
  await eventually(
    async () => {
      if ((await gatewayOf(grace)) !== gateway) return true;
      await grace.reload();
      await eventually(() => isIn(grace, 'Grace', room), { timeoutMs: 120_000 });
      return false;
    },
    { timeoutMs: 120_000 },
  );
  await expectPeople(ada, ['Ada', 'Grace']);
  return { ada, grace };
}

async function openPerson(name: string, room: string): Promise<Page> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(address);
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByRole('combobox', { name: 'Room' }).fill(room);
  await page.getByRole('button', { name: 'Enter the room' }).click();
  await eventually(() => isIn(page, name, room), { timeoutMs: 120_000 });
  return page;
}

/** Tells whether this person is in the room, on the current connection. */
async function isIn(page: Page, name: string, room: string): Promise<boolean> {
  if ((await page.locator('html').getAttribute('data-connection')) !== 'open') return false;
  const heading = await page.getByRole('heading', { level: 1 }).textContent();
  const [own] = await people(page);
  return heading === `#${room}` && own === name;
}

/** The id of the current connection, or null. */
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

async function gatewayPids(): Promise<number[]> {
  const processes = await cluster.status();
  return processes.filter(({ role }) => role === 'gateway').map(({ pid }) => pid);
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
