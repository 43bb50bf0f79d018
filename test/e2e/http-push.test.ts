import {
  type Cluster,
  eventually,
  freePorts,
  openClient,
  type StatusProcess,
  type TestClient,
} from '@gatewayworker/testing';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { issueClientToken, tokenLifetimeMs } from '../../examples/http-push/client-token.ts';
import { createPushKey, resolvePushSettings } from '../../examples/http-push/settings.ts';
import { type Example, startExample } from './start-example.ts';

const key = createPushKey();
const { tokenKey } = resolvePushSettings({ PUSH_KEY: key });

const noPeople = { status: 200, body: { people: [] } };

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A page with its websocket, before the app has bound it. */
interface OpenPage {
  readonly socket: TestClient;
  readonly clientId: string;
  readonly token: string;
}

let example: Example;
let cluster: Cluster;
let address: string;
let gatewayPort: number;

beforeAll(async () => {
  const [port = 0, gateway = 0, register = 0, inner = 0] = await freePorts(5);
  address = `http://127.0.0.1:${port}`;
  gatewayPort = gateway;
  example = await startExample('examples/http-push/start.ts', {
    PUSH_KEY: key,
    PUSH_PORT: String(port),
    PUSH_GATEWAY_PORT: String(gateway),
    PUSH_REGISTER_PORT: String(register),
    PUSH_INNER_PORT: String(inner),
  });
  cluster = example.cluster;
});

afterAll(() => example?.dispose());

beforeEach(async () => {
  // The gateways may still have pages of the test before.
  const observer = await Visitor.login('Observer');
  await eventually(async () => expect(await observer.get('/online')).toMatchObject(noPeople));
});

test('bind: a page with its token gets the pushes to its user and topic', async () => {
  const [ada, grace] = [await Visitor.login('Ada'), await Visitor.login('Grace')];
  const [first, second, other] = [await ada.open(), await ada.open(), await grace.open()];
  expect(await grace.post('/push/user', { uid: 'Ada', text: 'Only for you' })).toEqual({
    status: 200,
    body: { pages: 2 },
  });
  expect(await grace.post('/push/topic', { topic: 'news', text: 'For all' })).toEqual({
    status: 200,
    body: { pages: 3 },
  });
  const personal = { from: 'Grace', text: 'Only for you', topic: null };
  const common = { from: 'Grace', text: 'For all', topic: 'news' };
  await eventually(() => expect(pushesOf(first)).toMatchObject([personal, common]));
  await eventually(() => expect(pushesOf(second)).toMatchObject([personal, common]));
  await eventually(() => expect(pushesOf(other)).toMatchObject([common]));
});

test('presence: the app lists users online, pages learn of changes', async () => {
  const [ada, grace] = [await Visitor.login('Ada'), await Visitor.login('Grace')];
  const page = await ada.open();
  expect(await ada.get('/online?uid=Grace')).toMatchObject({ body: { online: false } });
  const other = await grace.open();
  await eventually(() => page.socket.messages.includes('{"type":"presence"}'));
  expect(await ada.get('/online?uid=Grace')).toMatchObject({ body: { online: true } });
  const people = [
    { uid: 'Ada', pages: 1 },
    { uid: 'Grace', pages: 1 },
  ];
  expect(await ada.get('/online')).toEqual({ status: 200, body: { topic: 'news', people } });

  page.socket.messages.length = 0;
  await other.socket.close();
  await eventually(() => page.socket.messages.includes('{"type":"presence"}'));
  expect(await ada.get('/online')).toMatchObject({ body: { people: [{ uid: 'Ada', pages: 1 }] } });
  expect(await ada.post('/push/user', { uid: 'Grace', text: 'Still there?' })).toMatchObject({
    status: 404,
    body: { error: 'not_online' },
  });
});

test('push: reaches pages on both gateways', async () => {
  const ada = await Visitor.login('Ada');
  const pages = await openOnBothGateways(ada);
  expect(await ada.post('/push/user', { uid: 'Ada', text: 'To me' })).toMatchObject({
    body: { pages: pages.length },
  });
  await ada.post('/push/topic', { topic: 'news', text: 'To all' });
  for (const page of pages) {
    await eventually(() =>
      expect(pushesOf(page)).toMatchObject([{ text: 'To me' }, { text: 'To all' }]),
    );
  }
});

test('bind: a forged, foreign, expired or used token is refused', async () => {
  const [ada, mallory] = [await Visitor.login('Ada'), await Visitor.login('Mallory')];
  const page = await openPage();
  const own = await openPage();
  const [now, otherKey] = [Date.now(), Buffer.from(createPushKey())];
  const { clientId } = page;
  const attempts = {
    token_forged: [
      '',
      clientId,
      `${clientId}.${now + 60_000}.nonce.signature`,
      issueClientToken(otherKey, clientId, now),
      page.token.replace(clientId, own.clientId),
    ],
    token_foreign: [own.token],
    token_expired: [issueClientToken(tokenKey, clientId, now - tokenLifetimeMs)],
  };
  for (const [error, tokens] of Object.entries(attempts)) {
    for (const token of tokens) {
      expect(await mallory.post('/bind', { clientId, token }), token).toEqual({
        status: 403,
        body: { error, message: expect.any(String) },
      });
    }
  }
  expect(await mallory.get('/online?uid=Mallory')).toMatchObject({ body: { online: false } });
  // The page's own token is still valid, once.
  expect(await ada.post('/bind', { clientId, token: page.token })).toMatchObject({ status: 200 });
  expect(await mallory.post('/bind', { clientId, token: page.token })).toMatchObject({
    status: 403,
    body: { error: 'token_used' },
  });
  expect(await mallory.get('/online?uid=Mallory')).toMatchObject({ body: { online: false } });
  expect(await ada.get('/online?uid=Ada')).toMatchObject({ body: { online: true } });
});

test('bind: a closed page gets 409', async () => {
  const ada = await Visitor.login('Ada');
  const { socket, clientId, token } = await openPage();
  await socket.close();
  await eventually(async () => {
    // The gateway may see the end a moment after the client: until then the page is bound, and gone.
    const answer = await ada.post('/bind', { clientId, token });
    const { error } = answer.body as { error?: string };
    return answer.status === 409 || error === 'token_used';
  });
  await eventually(async () =>
    expect(await ada.get('/online?uid=Ada')).toMatchObject({ body: { online: false } }),
  );
});

test('session: calls without a valid cookie get 401', async () => {
  const { clientId, token } = await openPage();
  const expected = { status: 401, body: { error: 'not_logged_in', message: expect.any(String) } };
  const value = encodeURIComponent(JSON.stringify({ uid: 'Ada', expiresAt: Date.now() + 60_000 }));
  for (const cookie of ['', `push_session=${value}`, `push_session=${value}.c2lnbmF0dXJl`]) {
    const stranger = new Visitor(cookie);
    expect(await stranger.post('/bind', { clientId, token })).toEqual(expected);
    expect(await stranger.post('/push/user', { uid: 'Ada', text: 'x' })).toEqual(expected);
    expect(await stranger.post('/push/topic', { topic: 'news', text: 'x' })).toEqual(expected);
    expect(await stranger.post('/logout', {})).toEqual(expected);
    expect(await stranger.get('/online')).toEqual(expected);
  }
});

test('origin: a post from another site gets 403, even with the cookie', async () => {
  const ada = await Visitor.login('Ada');
  const { clientId, token } = await openPage();
  for (const origin of ['https://evil.example', 'http://127.0.0.1:1', 'null', undefined]) {
    expect(await ada.post('/bind', { clientId, token }, origin ?? '')).toMatchObject({
      status: 403,
      body: { error: 'wrong_origin' },
    });
  }
  expect(await ada.post('/bind', { clientId, token })).toMatchObject({ status: 200 });
});

test('input: wrong values get 400 with the reason', async () => {
  const ada = await Visitor.login('Ada');
  const wrong = [
    ['/login', {}, "body must have required property 'name'"],
    ['/login', { name: ' \u202e ' }, 'body/name has no visible characters'],
    ['/login', { name: 'n'.repeat(33) }, 'body/name must NOT have more than 32 characters'],
    ['/bind', { clientId: 'short', token: '' }, 'body/clientId must NOT have fewer than 20'],
    ['/push/user', { uid: 7, text: 'x' }, 'body/uid must be string'],
    ['/push/user', { uid: 'Ada', text: '' }, 'body/text must NOT have fewer than 1'],
    ['/push/topic', { topic: 'other', text: 'x' }, 'body/topic must be equal to one of'],
    ['/push/topic', { topic: 'news', text: 'x', more: 1 }, 'must NOT have additional properties'],
  ] as const;
  for (const [path, body, message] of wrong) {
    expect(await ada.post(path, body), message).toEqual({
      status: 400,
      body: { error: 'invalid', message: expect.stringContaining(message) },
    });
  }
  const tooLong = { topic: 'news', text: 'x'.repeat(10_000) };
  expect(await ada.post('/push/topic', tooLong)).toMatchObject({ status: 413 });
  expect(await ada.get('/no-such-page')).toMatchObject({ status: 404 });
});

test('logout: closes every page of the session', async () => {
  const ada = await Visitor.login('Ada');
  const pages = await openOnBothGateways(ada);
  expect(await ada.post('/logout', {})).toMatchObject({ status: 200 });
  for (const { socket } of pages) expect(await socket.ended).toMatchObject({ code: 1000 });
});

test('logout: a copy of the cookie is refused, another login of the user is not', async () => {
  const [ada, elsewhere] = [await Visitor.login('Ada'), await Visitor.login('Ada')];
  const { clientId, token } = await openPage();
  expect(await ada.post('/logout', {})).toMatchObject({ status: 200 });
  const refused = { status: 401, body: { error: 'not_logged_in' } };
  expect(await ada.get('/online')).toMatchObject(refused);
  expect(await ada.get('/config')).toMatchObject({ status: 200, body: { uid: null } });
  expect(await ada.post('/bind', { clientId, token })).toMatchObject(refused);
  expect(await ada.post('/push/topic', { topic: 'news', text: 'x' })).toMatchObject(refused);
  expect(await elsewhere.post('/bind', { clientId, token })).toMatchObject({ status: 200 });
});

test('kill -9 of the register: pushes continue without an outage', async () => {
  const ada = await Visitor.login('Ada');
  const page = await ada.open();
  const [register] = await processesOf('register');
  process.kill(register?.pid ?? 0, 'SIGKILL');
  // Links to gateways do not depend on the register, so there is no outage.
  expect(await ada.post('/push/user', { uid: 'Ada', text: 'During' })).toMatchObject({
    status: 200,
  });
  await eventually(() => expect(pushesOf(page)).toMatchObject([{ text: 'During' }]));
  await allReady(['register', register]);
  const later = await ada.open();
  expect(await ada.post('/push/user', { uid: 'Ada', text: 'After' })).toMatchObject({
    body: { pages: 2 },
  });
  await eventually(() => expect(pushesOf(later)).toMatchObject([{ text: 'After' }]));
});

test('kill -9 of a gateway and the register: the app reaches all pages again', async () => {
  const ada = await Visitor.login('Ada');
  const [app] = await processesOf('worker');
  const [gateway] = await processesOf('gateway');
  const [register] = await processesOf('register');
  for (const victim of [register, gateway]) process.kill(victim?.pid ?? 0, 'SIGKILL');
  await allReady(['register', register], ['gateway', gateway]);
  // The app may need a moment to be told of the new gateway and to link to it.
  await eventually(async () => (await ada.get('/online')).status === 200);
  const pages = await eventually(() => openOnBothGateways(ada));
  expect(await ada.post('/push/user', { uid: 'Ada', text: 'Back' })).toMatchObject({ status: 200 });
  for (const page of pages) {
    await eventually(() => expect(pushesOf(page)).toMatchObject([{ text: 'Back' }]));
  }
  expect((await processesOf('worker'))[0]?.pid).toBe(app?.pid);
});

test('no gateway: every call gets 503, and works again afterwards', async () => {
  const ada = await Visitor.login('Ada');
  const page = await openPage();
  const gateways = await processesOf('gateway');
  // A stopped master restarts nothing, so the outage lasts until SIGCONT.
  process.kill(cluster.pid, 'SIGSTOP');
  onTestFinished(() => void process.kill(cluster.pid, 'SIGCONT'));
  for (const { pid } of gateways) process.kill(pid, 'SIGKILL');
  await page.socket.ended;
  // A call while the last gateway dies may still answer that the page is gone.
  await eventually(async () => (await ada.get('/online')).status === 503);
  const { clientId, token } = page;
  const calls = [
    () => ada.post('/bind', { clientId, token }),
    () => ada.post('/push/user', { uid: 'Ada', text: 'x' }),
    () => ada.post('/push/topic', { topic: 'news', text: 'x' }),
    () => ada.get('/online'),
    () => ada.get('/online?uid=Ada'),
  ];
  for (const call of calls) await expectOutage(call);

  process.kill(cluster.pid, 'SIGCONT');
  await allReady(...gateways.map((gateway) => ['gateway', gateway] as const));
  await eventually(async () => (await ada.get('/online')).status === 200);
  const back = await eventually(() => ada.open());
  expect(await ada.post('/push/user', { uid: 'Ada', text: 'Back' })).toMatchObject({ status: 200 });
  await eventually(() => expect(pushesOf(back)).toMatchObject([{ text: 'Back' }]));
});

test('http-push app: answers a call with 503 while a gateway hangs', async () => {
  const ada = await Visitor.login('Ada');
  const page = await openPage();
  const gateways = await processesOf('gateway');
  const resume = () => {
    for (const { pid } of gateways) process.kill(pid, 'SIGCONT');
  };
  for (const { pid } of gateways) process.kill(pid, 'SIGSTOP');
  onTestFinished(resume);
  await expectOutage(() => ada.get('/online'));
  await expectOutage(() => ada.post('/push/user', { uid: 'Ada', text: 'x' }));
  await expectOutage(() => ada.post('/push/topic', { topic: 'news', text: 'x' }));
  resume();
  const { clientId, token } = page;
  expect(await ada.post('/bind', { clientId, token })).toMatchObject({ status: 200 });
  expect(await ada.post('/push/user', { uid: 'Ada', text: 'Awake' })).toMatchObject({
    status: 200,
  });
  await eventually(() => expect(pushesOf(page)).toMatchObject([{ text: 'Awake' }]));
});

test('kill -9 of the app: sessions stay valid, tokens do not', async () => {
  const ada = await Visitor.login('Ada');
  const { clientId, token } = await openPage();
  const [app] = await processesOf('worker');
  process.kill(app?.pid ?? 0, 'SIGKILL');
  await allReady(['worker', app]);
  expect(await ada.post('/bind', { clientId, token })).toMatchObject({
    status: 403,
    body: { error: 'token_expired' },
  });
  const page = await ada.open();
  await ada.post('/push/user', { uid: 'Ada', text: 'New app' });
  await eventually(() => expect(pushesOf(page)).toMatchObject([{ text: 'New app' }]));
});

/** A logged-in user. */
class Visitor {
  readonly #cookie: string;

  constructor(cookie: string) {
    this.#cookie = cookie;
  }

  static async login(name: string): Promise<Visitor> {
    const response = await send('/login', { body: { name }, cookie: '', origin: address });
    expect(response.status).toBe(200);
    const [setCookie = ''] = response.headers.getSetCookie();
    expect(setCookie).toContain('HttpOnly');
    expect(setCookie).toContain('SameSite=Strict');
    return new Visitor(setCookie.split(';')[0] ?? '');
  }

  async get(path: string): Promise<Answer> {
    const response = await fetch(address + path, {
      headers: { Cookie: this.#cookie },
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, body: await response.json() };
  }

  /** @param origin - empty for none */
  async post(path: string, body: object, origin = address): Promise<Answer> {
    const response = await send(path, { body, cookie: this.#cookie, origin });
    return { status: response.status, body: await response.json() };
  }

  /** Opens a page and has the app bind it. */
  async open(): Promise<OpenPage> {
    const page = await openPage();
    const { clientId, token } = page;
    const answer = await this.post('/bind', { clientId, token });
    if (answer.status !== 200) {
      page.socket.terminate();
      throw new Error(`the app answers ${JSON.stringify(answer)}`);
    }
    return page;
  }
}

interface Post {
  readonly body: object;
  readonly cookie: string;
  readonly origin: string;
}

async function send(path: string, { body, cookie, origin }: Post): Promise<Response> {
  return await fetch(address + path, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(cookie === '' ? {} : { Cookie: cookie }),
      ...(origin === '' ? {} : { Origin: origin }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
}

/** Opens a websocket and reads its first message. */
async function openPage(): Promise<OpenPage> {
  const socket = await openClient(gatewayPort);
  onTestFinished(() => socket.terminate());
  const init = await socket.nextJson();
  expect(init).toEqual({
    type: 'init',
    clientId: expect.stringMatching(/^[\w-]{20}$/),
    token: expect.any(String),
  });
  const { clientId, token } = init as { clientId: string; token: string };
  return { socket, clientId, token };
}

/** Pages of one person until there is one on each gateway process. */
async function openOnBothGateways(visitor: Visitor): Promise<OpenPage[]> {
  const pages: OpenPage[] = [];
  // The first characters of a client id are those of its gateway process.
  const gateways = () => new Set(pages.map(({ clientId }) => clientId.slice(0, 5))).size;
  await eventually(async () => {
    pages.push(await visitor.open());
    return gateways() === 2;
  });
  return pages;
}

/** The pushes that a page has got, in order. */
function pushesOf({ socket }: OpenPage): { text: string }[] {
  const messages = socket.messages.map((message) => JSON.parse(String(message)));
  return messages.filter(({ type }) => type === 'push');
}

/** Checks that the app answers a call with 503. */
async function expectOutage(call: () => Promise<Answer>): Promise<void> {
  expect(await call()).toEqual({
    status: 503,
    body: { error: 'cluster_unreachable', message: expect.any(String) },
  });
}

async function processesOf(role: string): Promise<StatusProcess[]> {
  return (await cluster.status()).filter((row) => row.role === role);
}

/** Resolves once the killed processes are replaced. */
async function allReady(
  ...victims: (readonly [role: string, victim: StatusProcess | undefined])[]
): Promise<void> {
  await eventually(
    async () => {
      const processes = await cluster.status();
      return victims.every(([role, victim]) =>
        processes.some(
          (row) =>
            row.role === role &&
            row.id === victim?.id &&
            row.pid !== victim?.pid &&
            row['state'] === 'ready',
        ),
      );
    },
    { timeoutMs: 120_000 },
  );
}
