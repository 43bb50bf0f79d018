import { eventually } from '@gatewayworker/testing';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { launchBrowser } from '../../../../test/e2e/browser.ts';
import { databaseKinds } from '../databases.ts';
import { type ImCluster, startIm } from '../im-cluster.ts';
import { ImPerson } from '../im-person.ts';

let im: ImCluster;
let browser: Browser;

beforeAll(async () => {
  const [sqlite] = databaseKinds;
  if (sqlite === undefined) throw new Error('there is no database');
  [im, browser] = await Promise.all([startIm(sqlite, { IM_GATEWAYS: '3' }), launchBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await im?.dispose();
});

test('im page: the Content-Security-Policy allows only its own files and server', async () => {
  const response = await fetch(im.address);
  const policy = response.headers.get('content-security-policy')?.split('; ');
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("style-src 'self'");
  const socket = `127.0.0.1:${im.socketPort}`;
  expect(policy).toContain(`connect-src 'self' ws://${socket} wss://${socket}`);
  expect(await fetch(`${im.address}/assets/%2e%2e/index.html`)).toMatchObject({ status: 404 });
});

const long = { timeout: 600_000 };

test(
  'im page: through two gateway kills, every message is shown once, in order',
  long,
  async () => {
    const [ada, grace] = await Promise.all([openPerson('ada'), openPerson('grace')]);
    await Promise.all([ada.register('Ada'), grace.register('Grace')]);
    await ada.befriend(grace);
    const link = await makeGroup(ada, 'Engine room', ['Grace']);
    // The invitation stays open while a new user registers.
    const linus = await openPerson('linus', link);
    await linus.register('Linus');
    await linus.page.getByRole('button', { name: 'Join the group' }).click();
    await linus.page.getByRole('heading', { level: 1, name: 'Engine room' }).waitFor();
    await grace.openChat('Engine room');
    const people = [ada, grace, linus];
    const gateways = await spread([ada, linus], 1);

    // Text, emoji and pictures, sent by Enter, the picker, the button and a drop.
    await ada.write('Good morning');
    await allSee(people, ['Good morning']);
    await grace.page.getByRole('button', { name: 'Emoji', exact: true }).click();
    await grace.page.getByRole('button', { name: 'penguin' }).click();
    await grace.page.keyboard.press('Escape');
    await grace.field.press('Enter');
    const said = ['Good morning', '🐧'];
    await allSee(people, said);
    await linus.page
      .getByLabel('Pictures', { exact: true })
      .setInputFiles(await drawPicture(linus));
    await linus.write('The view from here');
    said.push('[picture] The view from here');
    await allSee(people, said);
    await drop(ada, await drawPicture(ada));
    await ada.page.getByRole('list', { name: 'Pictures to send' }).waitFor();
    await ada.page.getByRole('button', { name: 'Send', exact: true }).click();
    said.push('[picture]');
    await allSee(people, said);
    for (const { page } of people) {
      await eventually(() =>
        page
          .locator('.message .picture img')
          .evaluateAll((images) =>
            images.every((image) => 'naturalWidth' in image && Number(image.naturalWidth) > 0),
          ),
      );
    }
    await eventually(async () => (await ada.progressOf('Good morning')) === 'Read');

    // After the network is back, missed messages arrive and the outbox is sent.
    await grace.page.context().setOffline(true);
    await grace.page.locator('html:not([data-connection="open"])').waitFor();
    await grace.write('Can anybody hear me?');
    expect(await grace.progressOf('Can anybody hear me?')).toBe('Sending');
    await ada.write('Grace is gone');
    await allSee([ada, linus], [...said, 'Grace is gone']);
    await linus.write('She will be back');
    said.push('Grace is gone', 'She will be back');
    await allSee([ada, linus], said);
    await grace.page.context().setOffline(false);
    said.push('Can anybody hear me?');
    await allSee(people, said);

    // A second device shows the whole history, and each device shows messages of the other.
    const second = await openDevice(grace);
    await second.logIn();
    await second.openChat('Engine room');
    people.push(second);
    await second.write('Now on my phone');
    said.push('Now on my phone');
    await allSee(people, said);
    expect(await grace.page.locator('.message.own').last().textContent()).toContain(
      'Now on my phone',
    );

    // Kill a gateway while they write in turn. `failures.test.ts` has a reload.
    let isOver = false;
    const conversation = converse(people, () => isOver);
    // Awaited below; an earlier failure should be reported instead.
    conversation.catch(() => undefined);
    await kill(ada, gateways[0]);
    await ada.untilConnected();
    isOver = true;
    said.push(...(await conversation));
    await allSee(people, said);

    // Kill another one while all write at once, so that one of them is disconnected.
    const lines = people.map((_person, index) =>
      [1, 2, 3, 4].map((line) => `${index} says ${line}`),
    );
    await Promise.all([
      kill(linus, gateways[1]),
      ...people.map(async (person, index) => {
        for (const line of lines[index] ?? []) await person.write(line);
      }),
    ]);
    const all = await eventually(
      async () => {
        const screens = await Promise.all(people.map((person) => person.messages()));
        const [shown = []] = screens;
        for (const screen of screens) expect(screen).toEqual(shown);
        expect(shown.length).toBe(said.length + lines.flat().length);
        return shown;
      },
      { timeoutMs: 120_000, intervalMs: 100 },
    );
    expect(all.slice(0, said.length)).toEqual(said);
    for (const own of lines) expect(all.filter((line) => own.includes(line))).toEqual(own);
    await allSee(people, all);

    // After a reload the page loads the same history, from the newest message to the oldest.
    await ada.page.reload();
    await ada.untilConnected();
    await seeWhole(ada, all);
  },
);

test('im page: unread counts are shown on all devices until read on one', async () => {
  const [ada, grace] = await openFriends();
  const other = await openDevice(ada);
  await other.logIn();
  await other.chat('Grace').waitFor();
  await grace.openChat('Ada');
  await grace.write('One');
  await grace.write('Two');
  await eventually(async () => (await ada.unread('Grace')) === 2);
  await eventually(async () => (await other.unread('Grace')) === 2);
  expect(await ada.chat('Grace').textContent()).toContain('Two');
  expect(await ada.page.title()).toBe('(2) Messenger');
  await eventually(async () => (await grace.progressOf('Two')) === 'Delivered');

  await ada.openChat('Grace');
  await ada.sees(['One', 'Two']);
  await eventually(async () => (await other.unread('Grace')) === 0);
  await eventually(async () => (await grace.progressOf('Two')) === 'Read');
  expect(await ada.page.title()).toBe('Messenger');

  await ada.field.pressSequentially('Hm');
  await grace.page.locator('.pane-status').getByText('typing…').waitFor();

  // Both devices of Ada disconnect: Grace sees it, with the last time.
  await other.close();
  await grace.page.locator('.pane-status').getByText('online', { exact: true }).waitFor();
  await ada.close();
  await grace.page
    .locator('.pane-status')
    .getByText(/^last seen/)
    .waitFor();
});

test('im page: loading older messages does not move the visible ones', async () => {
  const [ada, grace] = await openFriends();
  await ada.openChat('Grace');
  const id = new URL(ada.page.url()).hash.slice(1);
  // The burst of the rate limit.
  const lines = [...(await sendAll(ada, id, 30)), ...(await sendAll(grace, id, 30))];
  await eventually(async () => (await ada.messages()).length === lines.length);
  const shown = await ada.messages();
  expect([...shown].sort()).toEqual([...lines].sort());

  // A page that is opened later loads only the newest page.
  await grace.page.reload();
  await grace.untilConnected();
  await grace.openChat('Ada');
  const list = grace.page.locator('.messages');
  await grace.message(String(shown.at(-1))).waitFor();
  await eventually(async () => (await grace.messages()).length > 20);
  expect((await grace.messages()).length).toBeLessThan(lines.length);
  const place = await list.evaluate((element) => {
    element.scrollTop = 40;
    const top = element.getBoundingClientRect().top;
    const rows = [...element.querySelectorAll('.message')];
    const row = rows.find((one) => one.getBoundingClientRect().top >= top);
    return { text: row?.querySelector('.text')?.textContent, y: row?.getBoundingClientRect().top };
  });
  await eventually(async () => (await grace.messages()).length === lines.length);
  const now = await grace
    .message(String(place.text))
    .evaluate((element) => element.closest('.message')?.getBoundingClientRect().top);
  expect(Math.abs(Number(now) - Number(place.y))).toBeLessThan(2);
  await grace.sees(shown);
});

test('im page: errors are shown at their cause, and nothing is stored', async () => {
  const [ada, grace] = await openFriends();
  const stranger = await openDevice(ada);
  await stranger.logIn('not the password');
  await seeProblem(stranger, 'wrong_credentials');
  await stranger.page.getByRole('tab', { name: 'Register' }).click();
  await stranger.page.getByRole('textbox', { name: 'Name', exact: true }).fill(ada.name);
  await stranger.page.getByLabel('Password').fill('good enough');
  await stranger.page.getByRole('button', { name: 'Create account' }).click();
  await seeProblem(stranger, 'name_taken');

  await ada.openChat('Grace');
  await ada.field.fill('x'.repeat(4001));
  await seeProblem(ada, 'text_too_long');
  expect(await ada.page.getByRole('button', { name: 'Send', exact: true }).isDisabled()).toBe(true);
  await ada.field.fill('');
  await paste(ada, 10 * 1024 * 1024);
  await ada.page.getByText('10,485,760 characters are too many').waitFor();
  expect(await ada.field.inputValue()).toBe('');

  const pictures = ada.page.getByLabel('Pictures', { exact: true });
  const text = Buffer.from('<script>document.title = "hacked"</script>');
  await pictures.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: text });
  await seeProblem(ada, 'not_a_picture');
  await pictures.setInputFiles({ name: 'cat.png', mimeType: 'image/png', buffer: text });
  await ada.page.getByRole('list', { name: 'Pictures to send' }).waitFor();
  await ada.page.getByRole('button', { name: 'Send', exact: true }).click();
  await ada.page.locator('.outgoing .problem[data-code="not_a_picture"]').waitFor();
  await ada.page.getByRole('button', { name: 'Discard' }).click();

  // A flood: refused messages show an error and are not stored.
  const conversation = new URL(ada.page.url()).hash;
  const stored = await flood(ada, conversation.slice(1));
  expect(stored.length).toBeGreaterThanOrEqual(30);
  await eventually(async () => (await ada.messages()).length === stored.length);
  const dot = await drawPicture(ada, 8);
  const refusal = ada.page.locator('.outgoing .problem[data-code="too_fast"]').first();
  for (let round = 1; round <= 10 && (round <= 3 || !(await refusal.isVisible())); round += 1) {
    await pictures.setInputFiles(Array.from({ length: 10 }, () => dot));
    await ada.page.locator('.attachments li').nth(9).waitFor();
    await ada.page.getByRole('button', { name: 'Send', exact: true }).click();
  }
  await refusal.waitFor();

  const markup = '<img src=x onerror="document.title=\'hacked\'"><b>bold</b>';
  await ada.write(markup);
  await grace.openChat('Ada');
  await grace.message(markup).waitFor();
  expect(await grace.page.locator('.text img, .text b').count()).toBe(0);
  expect(await grace.page.title()).not.toContain('hacked');

  // The URL of a conversation of others.
  const eve = await openPerson('eve', `${im.address}/${conversation}`);
  await eve.register();
  await eve.page.getByText('You are not in this conversation.').waitFor();

  // A message that was written offline and is refused later.
  await ada.page.context().setOffline(true);
  await ada.page.locator('html:not([data-connection="open"])').waitFor();
  await ada.write('Too late');
  const before = await grace.messages();
  await grace.page.getByRole('button', { name: 'Details' }).click();
  await grace.page.getByRole('button', { name: 'Block' }).click();
  await grace.page.keyboard.press('Escape');
  await grace.page.getByText('You have blocked Ada.').waitFor();
  await ada.page.context().setOffline(false);
  await ada.page.locator('.outgoing .problem[data-code="blocked"]').waitFor();
  await ada.page.getByText('Grace has blocked you: you cannot write here.').waitFor();
  expect(await grace.messages()).toEqual(before);
});

test('im page: works by keyboard, and keeps the chosen theme', async () => {
  const [ada] = await createFriends();
  await ada.load();
  const { page } = ada;
  const focused = (selector: string) => page.locator(`${selector}:focus`).waitFor();
  await makeGroup(ada, 'Engine room', []);
  await focused('[aria-label="Details"]');
  await page.keyboard.press('Escape');
  await focused('.conversation');
  await page.keyboard.press('ArrowDown');
  await page.locator('.conversation:focus', { hasText: 'Grace' }).waitFor();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Engine room' }).waitFor();
  await focused('textarea');
  await page.keyboard.type('First');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('second');
  await page.keyboard.press('Enter');
  await ada.sees(['First\nsecond']);
  await page.keyboard.type('A draft');
  await page.keyboard.press('Alt+ArrowDown');
  await page.getByRole('heading', { level: 1, name: 'Grace' }).waitFor();
  await page.keyboard.press('Alt+ArrowUp');
  await page.getByRole('heading', { level: 1, name: 'Engine room' }).waitFor();
  expect(await ada.field.inputValue()).toBe('A draft');
  await page.keyboard.press('Control+k');
  await focused('#search');
  await page.goBack();
  await page.getByText('Choose a conversation.').waitFor();

  const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
  const light = await ground();
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByText('Dark', { exact: true }).click();
  await eventually(async () => (await ground()) !== light);
  const dark = await ground();
  await page.reload();
  await ada.untilConnected();
  expect(await ground()).toBe(dark);
});

test('im page: a log-out everywhere logs out all devices and tabs', async () => {
  const ada = await createPerson('Ada');
  await ada.load();
  const other = await openDevice(ada);
  await other.logIn();
  await other.untilConnected();
  // Scripts cannot read the token.
  expect(await other.page.context().cookies()).toMatchObject([
    { name: 'im_token', httpOnly: true, sameSite: 'Strict' },
  ]);
  expect(await other.page.evaluate('document.cookie')).toBe('');
  const tab = await other.page.context().newPage();
  await tab.goto(im.address);
  await tab.locator('html[data-connection="open"]').waitFor();
  await ada.page.getByRole('button', { name: 'Settings' }).click();
  await ada.page.getByRole('button', { name: 'Log out everywhere' }).click();
  for (const page of [ada.page, other.page, tab]) {
    await page.getByRole('textbox', { name: 'Name or phone' }).waitFor();
  }
  await other.page.getByText('You were logged out. Please log in again.').waitFor();
  await other.logIn();
  await other.untilConnected();
  // The other tab of the browser shares the login.
  await tab.locator('html[data-connection="open"]').waitFor();
});

test('im page: a first visit makes no request that fails and no error in the console', async () => {
  const page = await (await browser.newContext()).newPage();
  onTestFinished(() => page.context().close());
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(im.address);
  await page.getByRole('tabpanel', { name: 'Log in' }).waitFor();
  expect(await page.locator('form[role]').count()).toBe(0);
  expect(problems).toEqual([]);
});

test('im page: on a phone, landmarks, opening a friend and a lost connection work', async () => {
  const [ada, grace] = await createFriends();
  await ada.load();
  const { page } = ada;
  await page.setViewportSize({ width: 390, height: 844 });
  await page.locator('main:visible').waitFor();
  await page.getByRole('heading', { level: 1, name: 'Messenger' }).waitFor();
  await page.getByRole('button', { name: 'Your account: Ada' }).waitFor();
  await ada.showTab('People');
  await page.locator(`[data-user="${grace.name}"] .person-who`).click();
  await page.getByRole('heading', { level: 1, name: 'Grace' }).waitFor();
  await page.getByRole('button', { name: 'Back to the conversations' }).click();
  await page.context().setOffline(true);
  await page.getByText('Reconnecting…').waitFor();
});

test('im page: Find people focuses the search field', async () => {
  const linus = await createPerson('Linus');
  await linus.load();
  await linus.page.getByRole('button', { name: 'Find people' }).click();
  await linus.page.keyboard.type(linus.name);
  await linus.page.locator(`[data-user="${linus.name}"]`).waitFor();
});

/** Makes names unique, because all tests share one messenger. */
let people = 0;

/** Opens the page of a user without an account. */
async function openPerson(name: string, at: string = im.address): Promise<ImPerson> {
  people += 1;
  const person = await ImPerson.open(browser, { address: at, name: `${name}${people}` });
  onTestFinished(() => person.close());
  return person;
}

/** Opens the page on another device of a user, without a login. */
async function openDevice({ name }: ImPerson): Promise<ImPerson> {
  const person = await ImPerson.open(browser, { address: im.address, name });
  onTestFinished(() => person.close());
  return person;
}

/** Creates an account and a logged-in device, without opening the page. */
async function createPerson(nickname: string): Promise<ImPerson> {
  people += 1;
  const name = `${nickname.toLowerCase()}${people}`;
  const person = await ImPerson.create(browser, { address: im.address, name }, nickname);
  onTestFinished(() => person.close());
  return person;
}

/** Creates the friends Ada and Grace, without opening their pages. */
async function createFriends(): Promise<readonly [ImPerson, ImPerson]> {
  const [ada, grace] = await Promise.all([createPerson('Ada'), createPerson('Grace')]);
  await ada.post('/api/friend-requests', { userId: await grace.id() });
  await grace.post(`/api/friend-requests/${await ada.id()}/accept`);
  return [ada, grace];
}

/** Creates the friends Ada and Grace, and opens their pages. */
async function openFriends(): Promise<readonly [ImPerson, ImPerson]> {
  const friends = await createFriends();
  await Promise.all(friends.map((person) => person.load()));
  return friends;
}

/** Creates and opens a group with some friends; returns an invitation link. */
async function makeGroup(
  { page }: ImPerson,
  name: string,
  friends: readonly string[],
): Promise<string> {
  await page.getByRole('button', { name: 'New group' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  for (const friend of friends) await page.getByRole('checkbox', { name: friend }).check();
  await page.getByRole('button', { name: 'Create group' }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await page.getByRole('button', { name: 'Details' }).click();
  await page.getByRole('button', { name: 'Create an invitation link' }).click();
  const link = await page.getByRole('textbox', { name: 'Invitation link' }).inputValue();
  await page.keyboard.press('Escape');
  return link;
}

/**
 * Loads each page again until all of them are on different gateway processes; returns the numbers of those.
 *
 * @param others - open pages that are not among them
 */
async function spread(persons: readonly ImPerson[], others: number): Promise<number[]> {
  for (const { page } of persons) await page.goto('about:blank');
  const taken: number[] = [];
  for (const { page } of persons) {
    const gateway = await eventually(
      async () => {
        const open = others + taken.length;
        const before = await eventually(() => countClients(open));
        await page.goBack();
        const after = await eventually(() => countClients(open + 1));
        const found = after.findIndex((count, index) => count > (before[index] ?? 0));
        if (!taken.includes(found)) return found;
        await page.goto('about:blank');
        return undefined;
      },
      { timeoutMs: 120_000 },
    );
    taken.push(gateway);
  }
  for (const person of persons) await person.untilConnected();
  return taken;
}

/** Number of clients of each gateway, if the total is right; otherwise undefined. */
async function countClients(total: number): Promise<number[] | undefined> {
  const counts: number[] = [];
  for (const row of await im.cluster.status()) {
    if (row.role === 'gateway') counts[row.id] = (row['tables'] as { clients: number }).clients;
  }
  return counts.reduce((all, count) => all + count, 0) === total ? counts : undefined;
}

/** Kills the gateway that this page is on; resolves when it was replaced and the page is connected again. */
async function kill(person: ImPerson, gateway: number | undefined): Promise<void> {
  const before = await person.connectedAt();
  await im.killAndWait('im-gateway', gateway);
  await eventually(async () => (await person.connectedAt()) > before, { timeoutMs: 120_000 });
}

/** Users write in turn, each after the previous message is displayed; returns the texts. */
async function converse(persons: readonly ImPerson[], isOver: () => boolean): Promise<string[]> {
  const written: string[] = [];
  // One more round at the end.
  let left = persons.length;
  for (let turn = 0; left > 0; turn += 1) {
    if (isOver()) left -= 1;
    const text = `Turn ${turn + 1}`;
    await persons[turn % persons.length]?.write(text);
    written.push(text);
    const next = persons[(turn + 1) % persons.length];
    await next?.message(text).waitFor({ timeout: 60_000 });
  }
  return written;
}

async function allSee(persons: readonly ImPerson[], messages: readonly string[]): Promise<void> {
  await Promise.all(persons.map((person) => person.sees(messages)));
}

/** Scrolls back until the page shows the whole conversation. */
async function seeWhole(person: ImPerson, messages: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      await person.page.locator('.messages').evaluate((element) => {
        element.scrollTop = 0;
      });
      expect(await person.messages()).toEqual(messages);
      return true;
    },
    { intervalMs: 100 },
  );
}

/** Returns a screenshot as a picture file. */
async function drawPicture({ page }: ImPerson, size = 300) {
  const clip = { x: 0, y: 0, width: size, height: size };
  return { name: 'view.png', mimeType: 'image/png', buffer: await page.screenshot({ clip }) };
}

/** Drops a picture on the open conversation. */
async function drop(
  { page }: ImPerson,
  { name, mimeType, buffer }: Awaited<ReturnType<typeof drawPicture>>,
): Promise<void> {
  const base64 = JSON.stringify(buffer.toString('base64'));
  const dataTransfer = await page.evaluateHandle(`(() => {
    const bytes = Uint8Array.from(atob(${base64}), (character) => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], '${name}', { type: '${mimeType}' }));
    return transfer;
  })()`);
  await page.locator('.messages').dispatchEvent('drop', { dataTransfer });
}

/** Pastes a text of this length. */
async function paste({ page }: ImPerson, length: number): Promise<void> {
  await page.evaluate(`(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', 'x'.repeat(${length}));
    const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
    document.querySelector('textarea').dispatchEvent(event);
  })()`);
}

/** Sends messages faster than the rate limit, until one is refused; returns the stored ones. */
async function flood(person: ImPerson, id: string): Promise<string[]> {
  const stored: string[] = [];
  // On a slow machine the rate limit may allow all of the first 60.
  for (let round = 1; round <= 10; round += 1) {
    const accepted = await sendAll(person, id, 60, `${round}-`);
    stored.push(...accepted);
    if (accepted.length < 60) return stored;
  }
  throw new Error('none of 600 messages was refused');
}

/** Sends messages over HTTP, all at once; returns the stored ones. */
async function sendAll(
  { page, name }: ImPerson,
  id: string,
  count: number,
  prefix = '',
): Promise<string[]> {
  const sending = Array.from({ length: count }, async (_, index) => {
    const text = `${name} ${prefix}${index + 1}`;
    const answer = await page.request.post(`${im.address}/api/conversations/${id}/messages`, {
      // A request with the cookie needs the Origin of the page.
      headers: { origin: im.address },
      data: { clientId: text.replace(' ', '-'), content: { kind: 'text', text } },
    });
    expect([201, 429]).toContain(answer.status());
    if (answer.status() === 429) expect(await answer.json()).toMatchObject({ error: 'too_fast' });
    return answer.status() === 201 ? [text] : [];
  });
  return (await Promise.all(sending)).flat();
}

async function seeProblem({ page }: ImPerson, code: string): Promise<void> {
  await page.locator(`.problem[data-code="${code}"]`).waitFor();
}
