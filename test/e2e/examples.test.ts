import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  eventually,
  freePorts,
  makeCertificate,
  openClient,
  requestRefusedHandshake,
  type TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, type TestContext, test } from 'vitest';
import { WebSocket } from 'ws';
import { launchBrowser } from './browser.ts';
import { compiled, type Example, npmStart, startExample } from './start-example.ts';

interface Ports {
  /** Of the gateway. */
  readonly port: number;
  readonly pagePort: number;
  /** Variables that set them, and the others of the example. */
  readonly env: Readonly<Record<string, string>>;
}

/** Free ports for an example, whose variables begin with a prefix. */
async function choosePorts(prefix: string): Promise<Ports> {
  const [port = 0, pagePort = 0, register, inner] = await freePorts(5);
  const env = {
    [`${prefix}_PORT`]: String(port),
    [`${prefix}_PAGE_PORT`]: String(pagePort),
    [`${prefix}_REGISTER_PORT`]: String(register),
    [`${prefix}_INNER_PORT`]: String(inner),
  };
  return { port, pagePort, env };
}

/** Starts an example by its own start file, on free ports. */
async function start(
  { onTestFinished }: TestContext,
  name: string,
  prefix: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Example & Ports> {
  const ports = await choosePorts(prefix);
  const file = `examples/${name}/start.ts`;
  const example = await startExample(file, { ...ports.env, ...settings });
  onTestFinished(example.dispose);
  return { ...example, ...ports };
}

/** Kills the process of a declaration with SIGKILL. */
async function kill({ cluster }: Example, name: string): Promise<void> {
  const row = (await cluster.status()).find((one) => one.name === name && one.id === 0);
  if (row === undefined) throw new Error(`no process is named ${name}`);
  process.kill(row.pid, 'SIGKILL');
}

test.concurrent('login: after npm start, only a valid token opens a websocket', async (context) => {
  const LOGIN_SECRET = 's'.repeat(32);
  const { port, env } = await choosePorts('LOGIN');
  // Once by the script that the README of every example names: TypeScript, on the sources of the packages.
  context.onTestFinished(await npmStart('examples/login', { ...env, LOGIN_SECRET }));
  const token = async (uid: string) => {
    const options = { env: { ...process.env, LOGIN_SECRET } };
    const args = [compiled('examples/login/print-token.ts'), uid];
    return (await promisify(execFile)(process.execPath, args, options)).stdout.trim();
  };
  const [ada, grace] = await Promise.all([token('ada'), token('grace')]);
  const open = (headers: Record<string, string>) => openClient(port, '/', { headers });
  const client = await open({ authorization: `Bearer ${ada}` });
  expect(await client.next()).toBe('you are ada');
  const page = await open({ cookie: `token=${grace}`, origin: 'https://app.example' });
  expect(await page.next()).toBe('you are grace');
  client.send('grace hello');
  expect(await page.next()).toBe('ada: hello');
  for (const headers of [
    {},
    { authorization: `Bearer ${ada}x` },
    { authorization: `Bearer ${ada.replace(/\.\d/, '.9')}` },
    { cookie: `token=${grace}`, origin: 'https://evil.example' },
  ]) {
    expect(await requestRefusedHandshake(port, '/', { headers })).toMatchObject({ status: 401 });
  }
});

test.concurrent('presence: every join and leave updates the list of each member', async (context) => {
  const { port } = await start(context, 'presence', 'PRESENCE');
  const join = (name: string, room = 'lobby') => openClient(port, `/?room=${room}&name=${name}`);
  const untilListed = (client: TestClient, ...names: string[]) =>
    eventually(() => {
      const list = JSON.parse(String(client.messages.at(-1) ?? '{}'));
      return expect(list).toEqual({ room: 'lobby', names });
    });
  const grace = await join('grace');
  const [ada, secondAda] = await Promise.all([join('ada'), join('ada'), join('eve', 'hall')]);
  for (const client of [grace, ada, secondAda]) await untilListed(client, 'ada', 'grace');
  await ada.close();
  await join('linus');
  await untilListed(grace, 'ada', 'grace', 'linus');
  secondAda.terminate();
  await untilListed(grace, 'grace', 'linus');
});

test.concurrent('rate limit: all connections of a user share one limit', async (context) => {
  const { port } = await start(context, 'rate-limit', 'LIMIT');
  const open = (uid: string) => openClient(port, `/?uid=${uid}`);
  const [first, second, grace] = await Promise.all([open('ada'), open('ada'), open('grace')]);
  const isRefused = (message: unknown) => JSON.stringify(message).includes('too fast');
  let sent = 0;
  // Fewer than the burst of 5: a limit per connection would accept all of them.
  for (let refused = false; !refused; sent += 1) {
    expect(sent).toBeLessThan(5);
    for (let count = 0; count < 10; count += 1) first.send('x');
    await first.ping();
    second.send('y');
    const answer = await second.nextJson();
    refused = isRefused(answer);
    if (refused) expect(answer).toMatchObject({ retryAfterMs: expect.any(Number) });
  }
  grace.send('hello');
  expect(await grace.nextJson()).toEqual({ accepted: 'hello' });
  await eventually(() => first.messages.map(String).some((text) => text.includes('accepted')));
});

test.concurrent('reconnect: the page resumes, what waits is sent; not after a final code', async (context) => {
  const [example, browser] = await Promise.all([
    start(context, 'reconnect', 'RECONNECT'),
    launchBrowser(),
  ]);
  context.onTestFinished(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(`http://127.0.0.1:${example.pagePort}`);
  const status = page.getByRole('status');
  const untilOpen = () => eventually(async () => (await status.textContent()) === 'open');
  await untilOpen();
  await kill(example, 'reconnect-gateway');
  await status.getByText(/^reconnecting in \d+ ms$/).waitFor();
  await page.getByRole('button', { name: 'hello' }).click();
  await page.getByText('you said: hello').waitFor();
  await page.getByRole('button', { name: 'sum' }).click();
  await page.getByText('1 + 2 = 3').waitFor();
  await page.reload();
  await untilOpen();
  expect(await page.getByRole('listitem').allTextContents()).toEqual(['resumed']);
  await page.getByRole('button', { name: 'logout' }).click();
  await status.getByText('closed: 4001 logged out').waitFor();
});

test.concurrent('tls: serves wss with the certificate of the files', async (context) => {
  const { cert, key } = await makeCertificate();
  const certificates = await temporaryFolder('example-certificate');
  context.onTestFinished(certificates.dispose);
  const [TLS_CERT, TLS_KEY] = ['cert.pem', 'key.pem'].map((name) => join(certificates.path, name));
  if (TLS_CERT === undefined || TLS_KEY === undefined) throw new Error('no files');
  await Promise.all([writeFile(TLS_CERT, cert), writeFile(TLS_KEY, key)]);
  const { port } = await start(context, 'tls', 'TLS', { TLS_CERT, TLS_KEY });
  const socket = new WebSocket(`wss://127.0.0.1:${port}`, { ca: cert });
  context.onTestFinished(() => socket.terminate());
  socket.on('open', () => socket.send('hello'));
  const answer = await new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data) => resolve(String(data)));
  });
  expect(answer).toBe('you said: hello');
  await expect(openClient(port)).rejects.toThrow();
});

test.concurrent('reminders: the timer outlives its worker, and users who are away', async (context) => {
  const database = await temporaryFolder('example-reminders');
  context.onTestFinished(database.dispose);
  const example = await start(context, 'reminders', 'REMINDERS', {
    REMINDERS_FILE: join(database.path, 'reminders.db'),
  });
  const open = () => openClient(example.port, '/?uid=ada');
  const tell = async (text: string) => {
    const client = await open();
    client.send(text);
    expect(await client.next()).toBe('stored');
    return client;
  };
  const client = await tell('0 now');
  expect(await client.next()).toBe('reminder: now');
  await client.close();
  await (await tell('1 later')).close();
  await kill(example, 'reminders-worker');
  // A handshake that was sent to the dying worker is refused with 503.
  const back = await eventually(() => open().catch(() => undefined));
  expect(await back.next()).toBe('reminder: later');
});
