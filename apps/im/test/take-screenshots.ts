// Takes the screenshots of apps/im/README.md, of a messenger that it starts:
// node --conditions=@gatewayworker/source --import tsx apps/im/test/take-screenshots.ts
import { symlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { eventually, freePorts, startCluster, temporaryFolder } from '@gatewayworker/testing';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import sharp from 'sharp';
import { launchBrowser } from '../../../test/e2e/browser.ts';
import { ImPerson } from './im-person.ts';

const app = fileURLToPath(new URL('../', import.meta.url));
const desktop = { viewport: { width: 1200, height: 760 } };
const phone = { viewport: { width: 390, height: 760 }, hasTouch: true, isMobile: true };

const landscape = `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="760">
  <defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">
    <stop offset="0" stop-color="#27476e"/><stop offset="0.55" stop-color="#e7886b"/>
    <stop offset="0.8" stop-color="#ffd9a0"/></linearGradient></defs>
  <rect width="1200" height="760" fill="url(#sky)"/>
  <circle cx="790" cy="470" r="64" fill="#fff3d1"/>
  <path d="M0 560 L210 380 L360 500 L560 300 L760 540 L930 420 L1200 590 V760 H0Z" fill="#5b4a6b"/>
  <path d="M0 640 L260 520 L520 640 L800 560 L1200 680 V760 H0Z" fill="#33304c"/>
  <path d="M0 700 Q300 650 620 710 T1200 700 V760 H0Z" fill="#1d2137"/>
</svg>`;

const folder = await temporaryFolder('im-screenshots');
await symlink(`${app}start.ts`, `${folder.path}/start.ts`);
const [port, socketPort, registerPort] = await freePorts(3);
const cluster = await startCluster({
  file: `${folder.path}/start.ts`,
  env: {
    IM_PORT: String(port),
    IM_SOCKET_PORT: String(socketPort),
    IM_REGISTER_PORT: String(registerPort),
    IM_INNER_PORT: '0',
    IM_DATA: `${folder.path}/data`,
    DATABASE_URL: '',
  },
});
const browser = await launchBrowser();
try {
  await take(browser, `http://127.0.0.1:${port}`);
} finally {
  await browser.close();
  await cluster.dispose();
  await folder.dispose();
}

async function take(chromium: Browser, address: string): Promise<void> {
  const openPerson = async (name: string, nickname: string, options: BrowserContextOptions) => {
    const person = await ImPerson.open(chromium, { address, name, ...options });
    await person.register(nickname);
    return person;
  };
  const ada = await openPerson('ada', 'Ada Lovelace', desktop);
  const grace = await openPerson('grace', 'Grace Hopper', { ...desktop, colorScheme: 'dark' });
  const linus = await openPerson('linus', 'Linus 🐧', phone);
  const tom = await openPerson('tom', 'Tom', { ...phone, colorScheme: 'dark' });
  for (const friend of [grace, linus, tom]) await ada.befriend(friend);
  await grace.befriend(tom);

  await ada.page.getByRole('button', { name: 'New group' }).click();
  await ada.page.getByRole('textbox', { name: 'Name' }).fill('Saturday hike');
  for (const name of ['Grace Hopper', 'Linus 🐧', 'Tom']) {
    await ada.page.getByRole('checkbox', { name }).check();
  }
  await ada.page.getByRole('button', { name: 'Create group' }).click();
  const all = [ada, grace, linus, tom];
  for (const person of all) await person.openChat('Saturday hike');
  const said: string[] = [];
  const say = async (person: ImPerson, text: string, shown = text) => {
    await person.write(text);
    said.push(shown);
    for (const other of all) await other.sees(said);
  };
  await say(ada, 'Good morning! Who is in for the long way round?');
  await say(tom, 'Me. I take the early train and bring the map');
  await say(linus, '🙋');
  await say(grace, 'I was up there yesterday. This is what you get for the last two hours:');
  const picture = await sharp(Buffer.from(landscape)).png().toBuffer();
  await grace.page
    .getByLabel('Pictures', { exact: true })
    .setInputFiles({ name: 'view.png', mimeType: 'image/png', buffer: picture });
  await grace.page.getByRole('list', { name: 'Pictures to send' }).waitFor();
  await say(grace, 'From the hut, half past eight', '[picture] From the hut, half past eight');
  await say(ada, 'That settles it 🎉');
  await say(ada, 'Meeting at the bakery, seven sharp: https://map.example/bakery');

  await grace.openChat('Ada Lovelace');
  await grace.write('Do you still have my blue rucksack?');
  await tom.page.getByRole('button', { name: 'Back to the conversations' }).click();
  await tom.openChat('Ada Lovelace');
  await tom.write('Two questions about tomorrow');
  await tom.write('Is there water on the way? And who has the key of the hut?');
  await ada.chat('Tom').getByText('2 unread').waitFor();
  await ada.openChat('Grace Hopper');
  await ada.write('I do. It is packed already');
  await tom.page.getByRole('button', { name: 'Back to the conversations' }).click();
  await grace.openChat('Tom');
  await grace.write('Take the small stove, please ☕');
  await ada.openChat('Saturday hike');
  await ada.write('And bring warm gloves 🧤');
  said.push('And bring warm gloves 🧤');
  for (const person of [ada, linus]) await person.sees(said);
  await grace.openChat('Saturday hike');
  await pictureShown(ada);
  await shoot(ada, 'desktop-light');
  await pictureShown(grace);
  await grace.page.getByRole('button', { name: 'Emoji', exact: true }).click();
  await shoot(grace, 'desktop-dark');
  await pictureShown(linus);
  await shoot(linus, 'phone-light');
  await tom.chat('Grace Hopper').getByText('1 unread').waitFor();
  await shoot(tom, 'phone-dark');
}

async function pictureShown({ page }: ImPerson): Promise<void> {
  await eventually(() =>
    page
      .locator('.message .picture img')
      .evaluateAll((images) =>
        images.every((image) => 'naturalWidth' in image && Number(image.naturalWidth) > 0),
      ),
  );
}

async function shoot({ page }: ImPerson, name: string): Promise<void> {
  const picture = await page.screenshot();
  const palette = { palette: true, quality: 90, effort: 10 };
  await sharp(picture).png(palette).toFile(`${app}screenshots/${name}.png`);
}
