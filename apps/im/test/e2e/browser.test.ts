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

test('the page may load nothing but its own files and talk to nothing but its server', async () => {
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

test('im page: three people talk through two killed gateways, in order, once', long, async () => {
  const [ada, grace] = await Promise.all([openPerson('ada'), openPerson('grace')]);
  await Promise.all([ada.register('Ada'), grace.register('Grace')]);
  await ada.befriend(grace);
  const link = await makeGroup(ada, 'Engine room', ['Grace']);
  // Who has no account yet makes one, and the invitation is still there.
  const linus = await openPerson('linus', link);
  await linus.register('Linus');
  await linus.page.getByRole('button', { name: 'Join the group' }).click();
  await linus.page.getByRole('heading', { level: 1, name: 'Engine room' }).waitFor();
  await grace.openChat('Engine room');
  const people = [ada, grace, linus];
  const gateways = await spread([ada, linus], 1);

  // Text, emoji and pictures, by Enter, by the picker, by the button and by dropping.
  await ada.write('Good morning');
  await everybodySees(people, ['Good morning']);
  await grace.page.getByRole('button', { name: 'Emoji', exact: true }).click();
  await grace.page.getByRole('button', { name: 'penguin' }).click();
  await grace.page.keyboard.press('Escape');
  await grace.field.press('Enter');
  const said = ['Good morning', '🐧'];
  await everybodySees(people, said);
  await linus.page.getByLabel('Pictures', { exact: true }).setInputFiles(await drawPicture(linus));
  await linus.write('The view from here');
  said.push('[picture] The view from here');
  await everybodySees(people, said);
  await drop(ada, await drawPicture(ada));
  await ada.page.getByRole('list', { name: 'Pictures to send' }).waitFor();
  await ada.page.getByRole('button', { name: 'Send', exact: true }).click();
  said.push('[picture]');
  await everybodySees(people, said);
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

  // What was missed without a network comes with it, and what was written goes out.
  await grace.page.context().setOffline(true);
  await grace.page.locator('html:not([data-connection="open"])').waitFor();
  await grace.write('Can anybody hear me?');
  expect(await grace.progressOf('Can anybody hear me?')).toBe('Sending');
  await ada.write('Grace is gone');
  await everybodySees([ada, linus], [...said, 'Grace is gone']);
  await linus.write('She will be back');
  said.push('Grace is gone', 'She will be back');
  await everybodySees([ada, linus], said);
  await grace.page.context().setOffline(false);
  said.push('Can anybody hear me?');
  await everybodySees(people, said);

  // A second device has all of it, and each shows what is written on the other one.
  const second = await openDevice(grace);
  await second.logIn();
  await second.openChat('Engine room');
  people.push(second);
  await second.write('Now on my phone');
  said.push('Now on my phone');
  await everybodySees(people, said);
  expect(await grace.page.locator('.message.own').last().textContent()).toContain(
    'Now on my phone',
  );

  // A gateway is killed while they write in turn. `failures.test.ts` reloads the workers while people talk.
  let isOver = false;
  const conversation = converse(people, () => isOver);
  // Awaited below; a failure of what comes between is the one to report.
  conversation.catch(() => undefined);
  await kill(ada, gateways[0]);
  await ada.untilConnected();
  isOver = true;
  said.push(...(await conversation));
  await everybodySees(people, said);

  // And another one while all of them write at once, one of them without a connection.
  const lines = people.map((_person, index) => [1, 2, 3, 4].map((line) => `${index} says ${line}`));
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
  await everybodySees(people, all);

  // The same again from what is stored, read from the newest to the oldest.
  await ada.page.reload();
  await ada.untilConnected();
  await seeWhole(ada, all);
});

test('a second tab and the list show what is new, until it is read on any device', async () => {
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

  // Both devices of Ada go: Grace sees it, and when she was there last.
  await other.close();
  await grace.page.locator('.pane-status').getByText('online', { exact: true }).waitFor();
  await ada.close();
  await grace.page
    .locator('.pane-status')
    .getByText(/^last seen/)
    .waitFor();
});

test('a long history is read backwards, and what is looked at does not move', async () => {
  const [ada, grace] = await openFriends();
  await ada.openChat('Grace');
  const id = new URL(ada.page.url()).hash.slice(1);
  // As many as one person may send at once.
  const lines = [...(await sendAll(ada, id, 30)), ...(await sendAll(grace, id, 30))];
  await eventually(async () => (await ada.messages()).length === lines.length);
  const shown = await ada.messages();
  expect([...shown].sort()).toEqual([...lines].sort());

  // A page that was not open while they came has the newest alone.
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

test('what is wrong is told where it happens, and nothing of it is stored', async () => {
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

  // A flood: what is refused is told, and is not there.
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

  // Somebody else's conversation, by its address.
  const eve = await openPerson('eve', `${im.address}/${conversation}`);
  await eve.register();
  await eve.page.getByText('You are not in this conversation.').waitFor();

  // What is written before it is known that it will not be taken.
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

test('the keyboard reaches everything, and the colours stay as they were chosen', async () => {
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

test('a log-out everywhere ends every device, and a login is needed again', async () => {
  const ada = await createPerson('Ada');
  await ada.load();
  const other = await openDevice(ada);
  await other.logIn();
  await other.untilConnected();
  // No script can read what proves the login.
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
  // The other tab of that browser has the same login.
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

test('im page: on a phone the list has landmarks, opens a friend and shows a lost connection', async () => {
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

test('im page: Find people focuses the search, which takes what is typed', async () => {
  const linus = await createPerson('Linus');
  await linus.load();
  await linus.page.getByRole('button', { name: 'Find people' }).click();
  await linus.page.keyboard.type(linus.name);
  await linus.page.locator(`[data-user="${linus.name}"]`).waitFor();
});

/** Names are unique: each test has people of its own. */
let people = 0;

/** Somebody who has no account yet. */
async function openPerson(name: string, at: string = im.address): Promise<ImPerson> {
  people += 1;
  const person = await ImPerson.open(browser, { address: at, name: `${name}${people}` });
  onTestFinished(() => person.close());
  return person;
}

/** Another device of somebody, where they are not logged in. */
async function openDevice({ name }: ImPerson): Promise<ImPerson> {
  const person = await ImPerson.open(browser, { address: im.address, name });
  onTestFinished(() => person.close());
  return person;
}

/** Makes an account and logs a device in, without opening the page. */
async function createPerson(nickname: string): Promise<ImPerson> {
  people += 1;
  const name = `${nickname.toLowerCase()}${people}`;
  const person = await ImPerson.enter(browser, { address: im.address, name }, nickname);
  onTestFinished(() => person.close());
  return person;
}

/** Makes accounts for Ada and Grace, who are friends, without opening their pages. */
async function createFriends(): Promise<readonly [ImPerson, ImPerson]> {
  const [ada, grace] = await Promise.all([createPerson('Ada'), createPerson('Grace')]);
  await ada.post('/api/friend-requests', { userId: await grace.id() });
  await grace.post(`/api/friend-requests/${await ada.id()}/accept`);
  return [ada, grace];
}

/** The same, with both pages open. */
async function openFriends(): Promise<readonly [ImPerson, ImPerson]> {
  const friends = await createFriends();
  await Promise.all(friends.map((person) => person.load()));
  return friends;
}

/** Makes a group with some friends, opens it, and answers the link of an invitation. */
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

/** Clients of each gateway by its number, once there are so many of all together. */
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

/** Each writes when the words of the one before are on their screen; answers all that was written. */
async function converse(persons: readonly ImPerson[], isOver: () => boolean): Promise<string[]> {
  const written: string[] = [];
  // One more round once it is over.
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

async function everybodySees(
  persons: readonly ImPerson[],
  messages: readonly string[],
): Promise<void> {
  await Promise.all(persons.map((person) => person.sees(messages)));
}

/** Scrolls back until the page shows all of a conversation. */
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

/** A picture of what somebody sees. */
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

/** Sends messages faster than they are allowed, until one is refused; answers those that are stored. */
async function flood(person: ImPerson, id: string): Promise<string[]> {
  const stored: string[] = [];
  // A busy machine may take so long for the first 60 that the pace allows them all.
  for (let round = 1; round <= 10; round += 1) {
    const accepted = await sendAll(person, id, 60, `${round}-`);
    stored.push(...accepted);
    if (accepted.length < 60) return stored;
  }
  throw new Error('600 messages were sent, and none was refused');
}

/** Sends messages by the API, all at once; answers those that are stored. */
async function sendAll(
  { page, name }: ImPerson,
  id: string,
  count: number,
  prefix = '',
): Promise<string[]> {
  const sending = Array.from({ length: count }, async (_, index) => {
    const text = `${name} ${prefix}${index + 1}`;
    const answer = await page.request.post(`${im.address}/api/conversations/${id}/messages`, {
      // The login is in a cookie: only the page of this address may use it.
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
